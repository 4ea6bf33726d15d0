package symbol

import "strings"

// foreignFile reports a source file that is no program's own: the standard
// libraries of Rust and C++, the system's headers, crates from the registry.
func foreignFile(file string) bool {
	for _, prefix := range []string{"/rustc/", "/usr/include/", "/usr/lib/", "/usr/local/include/"} {
		if strings.HasPrefix(file, prefix) {
			return true
		}
	}
	for _, part := range []string{"/.cargo/registry/", "/.cargo/git/", "/lib/rustlib/", "/glibc-", "/usr/include/c++/"} {
		if strings.Contains(file, part) {
			return true
		}
	}
	return false
}

// foreignFunction reports a function that is certainly of a standard library,
// by its name alone.
func foreignFunction(function string) bool {
	name := strings.TrimLeft(function, "<&*")
	for _, prefix := range []string{"std::", "core::", "alloc::", "__gnu_cxx::", "__cxxabiv1::"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// reserved reports a name that the C standard keeps for its own library at file
// scope (C11 7.1.3): it begins with an underscore. It is asked only where no
// source file is known.
func reserved(function string) bool { return strings.HasPrefix(function, "_") }

// libcCalls are the names without an underscore by which statically linked
// programs show that they are inside libc.
var libcCalls = words(`accept accept4 bind clone clone3 close connect freeaddrinfo getaddrinfo gethostbyname
	getnameinfo listen poll ppoll select send sendmsg sendto recv recvfrom recvmsg read write writev readv
	setsockopt shutdown socket socketpair start start_thread syscall thread_start epoll_wait epoll_pwait`)

// outermost are the functions where a thread begins: a stack that reaches one is complete.
var outermost = words(`_start _start_c __libc_start_main __libc_start_call_main start_thread clone clone3 __clone
	__clone3 runtime.goexit runtime.mstart runtime.rt0_go`)

// systemLibrary reports whether a mapped file is a library of the system, or one
// that belongs to a compiler wherever it lies (bundled by conda, AppImage, …).
func systemLibrary(path string) bool {
	for _, prefix := range []string{"/lib/", "/lib32/", "/lib64/", "/libx32/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/",
		"/usr/libx32/", "/usr/libexec/", "/usr/local/lib/", "/usr/local/lib64/", "/nix/store/", "/gnu/store/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	base := path[lastSlash(path):]
	for _, prefix := range []string{"libc.so", "libc-2.", "ld-linux", "ld-2.", "ld-musl", "ld.so", "libc.musl", "libpthread",
		"libstdc++.so", "libgcc_s.so", "libm.so", "libm-2.", "libdl.so", "libdl-2.", "librt.so", "librt-2.",
		"libresolv", "libnss_", "libnsl", "libc++.so", "libc++abi.so", "libunwind.so"} {
		if strings.HasPrefix(base, prefix) {
			return true
		}
	}
	return false
}

// lastSlash returns where the file's name begins in a path.
func lastSlash(path string) int { return strings.LastIndexByte(path, '/') + 1 }

// trimVersion cuts a version off a program's name: "lua5.4" → "lua".
func trimVersion(base string) string {
	return strings.TrimRight(strings.TrimRight(base, "0123456789."), "-")
}
