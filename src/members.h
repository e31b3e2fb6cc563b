/*
 * members.h
 *		The members of a JSON object, unpacked and checked.
 *
 * Null counts as not given.  Every function raises 22023 with an error that
 * names the member, and the line if the object is one.
 */
#ifndef INV_MEMBERS_H
#define INV_MEMBERS_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"

typedef struct InvMembers
{
	JsonbContainer *object;
	int			line;			/* that the object is, or 0 */
} InvMembers;

extern void inv_members_begin_root(InvMembers *members, Jsonb * request);
extern void inv_members_begin(InvMembers *members, JsonbValue * value,
							  int line);

/* inv_members_check - there is no member but these; the list ends with null */
extern void inv_members_check(const InvMembers *members,
							  const char *const *known);

/* texts; null if not given and not required */
extern text *inv_members_text(const InvMembers *members, const char *name,
							  bool required, int max_bytes);
extern text *inv_members_name(const InvMembers *members, const char *name,
							  bool required);

/* a whole number from min to the largest quantity */
extern NullableDatum inv_members_integer(const InvMembers *members,
										 const char *name, bool required,
										 int64 min);

extern bool inv_members_flag(const InvMembers *members, const char *name,
							 bool otherwise);

/* a point in time; DT_NOBEGIN if not given */
extern TimestampTz inv_members_time(const InvMembers *members,
									const char *name);

/* the elements of a required array that has some */
extern JsonbValue * inv_members_array(const InvMembers *members,
									  const char *name, int *count);

/* an array of names; false if not given */
extern bool inv_members_names(const InvMembers *members, const char *name,
							  text ***names, int *count);

#endif							/* INV_MEMBERS_H */
