/*
 * ptrace() for user-mode Linux on processors with a larger extended state than it supports.
 *
 * The kernel accepts the state of a traced process (PTRACE_SETREGSET, NT_X86_XSTATE) only completely: on a processor
 * with AMX that is 11008 octets. User-mode Linux 6.1 keeps 2696, is refused and panics. This library, preloaded, pads
 * the state that is set and truncates the state that is read; the missing part is the AMX tiles, which no lab uses. With
 * a smaller state every call passes through unchanged.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

/* Offset of the header's bit map of components, and the components that user-mode Linux keeps: x87 to PKRU. */
#define BITMAP 512
#define KEPT ((1ULL << 10) - 1)

static char whole[64 << 10];

static long raw(long request, long pid, void *addr, void *data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	long pid = va_arg(arguments, pid_t);
	void *addr = va_arg(arguments, void *);
	void *data = va_arg(arguments, void *);
	va_end(arguments);

	if (request >= PTRACE_PEEKTEXT && request <= PTRACE_PEEKUSER) {
		long word;
		long result = raw(request, pid, addr, &word);
		if (result < 0)
			return result;
		errno = 0;
		return word;
	}
	if ((long)addr != NT_X86_XSTATE || (request != PTRACE_GETREGSET && request != PTRACE_SETREGSET))
		return raw(request, pid, addr, data);

	struct iovec *part = data;
	struct iovec all = { whole, sizeof whole };
	long result = raw(PTRACE_GETREGSET, pid, addr, &all);
	if (result < 0 || all.iov_len <= part->iov_len)
		return raw(request, pid, addr, data);
	if (request == PTRACE_GETREGSET) {
		memcpy(part->iov_base, whole, part->iov_len);
		return result;
	}
	memset(whole, 0, sizeof whole);
	memcpy(whole, part->iov_base, part->iov_len);
	unsigned long long components;
	memcpy(&components, whole + BITMAP, sizeof components);
	components &= KEPT;
	memcpy(whole + BITMAP, &components, sizeof components);
	return raw(PTRACE_SETREGSET, pid, addr, &all);
}
