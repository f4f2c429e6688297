/*
 * filter.h - the daemon: mail servers connect to it and speak the milter protocol (landlord of libmilter).
 *
 * The only room that talks to a mail server. It runs in the foreground; whoever started it watches it.
 */
#ifndef MAILSEAL_FILTER_H
#define MAILSEAL_FILTER_H

/*
 * Runs the daemon with this configuration file (NULL: the installed one). SIGHUP reads the file again; SIGTERM and SIGINT let the
 * messages in work finish, at most LIMIT_DRAIN_S, and then end the process with status 0: there is no return from a started
 * daemon, because threads of libmilter are left that nobody can join. Returns 1 when it could not start, the reason is in the
 * log; a daemon whose libmilter gave up ends with status 1 as well, so that the service manager starts it again.
 */
int filter_run(const char *conf_path);

#endif
