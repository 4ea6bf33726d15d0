/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a system call looks when it returns: its number, its first three
 * arguments, and whether a 32-bit program made it. 32-bit programs have other
 * numbers for the same calls; they are left out.
 */
#ifndef SOCKEYE_SYSCALL_H
#define SOCKEYE_SYSCALL_H

#if defined(__TARGET_ARCH_x86)

/* arch/x86/entry/syscalls/syscall_64.tbl */
enum {
	SYS_socket = 41,
	SYS_connect = 42,
	SYS_accept = 43,
	SYS_bind = 49,
	SYS_listen = 50,
	SYS_accept4 = 288,
};

struct pt_regs {
	unsigned long di;
	unsigned long si;
	unsigned long dx;
	unsigned long orig_ax;
} __kernel;

#define SYSCALL_NUMBER(regs) ((int)(regs)->orig_ax)
#define SYSCALL_ARG1(regs) ((regs)->di)
#define SYSCALL_ARG2(regs) ((regs)->si)
#define SYSCALL_ARG3(regs) ((regs)->dx)

#define TS_COMPAT 0x0002 /* arch/x86/include/asm/thread_info.h */
#define SYSCALL_IS_32BIT(task) ((task)->thread_info.status & TS_COMPAT)

#elif defined(__TARGET_ARCH_arm64)

/* include/uapi/asm-generic/unistd.h */
enum {
	SYS_socket = 198,
	SYS_bind = 200,
	SYS_listen = 201,
	SYS_accept = 202,
	SYS_connect = 203,
	SYS_accept4 = 242,
};

struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0; /* regs[0] holds the result by now */
	__s32 syscallno;
} __kernel;

#define SYSCALL_NUMBER(regs) ((regs)->syscallno)
#define SYSCALL_ARG1(regs) ((regs)->orig_x0)
#define SYSCALL_ARG2(regs) ((regs)->regs[1])
#define SYSCALL_ARG3(regs) ((regs)->regs[2])

#define TIF_32BIT 22 /* arch/arm64/include/asm/thread_info.h */
#define SYSCALL_IS_32BIT(task) ((task)->thread_info.flags & (1ul << TIF_32BIT))

#else
#error "not written for this architecture"
#endif

#endif
