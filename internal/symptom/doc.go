// Package symptom recognises error messages: what programs, kernels and event
// logs say when a connection cannot be opened or kept, in several languages and on
// every system, in a line or in gigabytes of log.
//
// In: lines, or a reader; hostile ones. Out: host.Symptom, one for each kind of
// message, with how often, when, where and what may be behind it. What is
// recognised is data: messages.yaml.
package symptom
