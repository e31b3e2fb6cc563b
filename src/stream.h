/*
 * stream.h
 *		The change stream as SQL and the worker see it: slots and heartbeats.
 */
#ifndef INV_STREAM_H
#define INV_STREAM_H

/*
 * inv_stream_beat - a verb of the worker: writes a heartbeat to the log if
 * somebody's slot needs one; answers in how many ms it wants to run again
 */
extern long inv_stream_beat(void);

#endif							/* INV_STREAM_H */
