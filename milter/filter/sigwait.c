/*
 * sigwait.c - keeps libmilter from taking our signals.
 *
 * libmilter has a thread that waits in sigwait(3) for SIGHUP, SIGTERM and SIGINT and then ends the daemon. The kernel gives a
 * signal meant for the process to the main thread, but not always: while another is pending there, any thread that waits for it
 * may get it (seen once in 1500 bursts of signals). So the program has a sigwait() of its own, which the dynamic linker binds
 * libmilter to and which nothing else here calls: it waits for ever, and every signal comes to daemon.c.
 */
#include <signal.h>
#include <unistd.h>

int sigwait(const sigset_t *restrict set, int *restrict sig)
{
    (void)set, (void)sig;
    for (;;)
        pause();
}
