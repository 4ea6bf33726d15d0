// Package sample is for tests only: texts of our own making, and what else tests of
// several packages need that does not read them.
package sample
