# inventory: a PostgreSQL extension (PGXS)

EXTENSION = inventory
MODULE_big = inventory
DATA = inventory--1.0.sql
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))

REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
ISOLATION = $(patsubst specs/%.spec,%,$(sort $(wildcard specs/*.spec)))
TAP_TESTS = 1

PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers

# make WERROR=1: warnings are errors
ifdef WERROR
PG_CFLAGS += -Werror
endif

SHLIB_LINK = -lcurl

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS knows no header dependencies
$(OBJS): $(wildcard src/*.h)

# The look of PostgreSQL's own sources.  A type that we come to use must be in
# typedefs.list, or its declarations are taken for expressions.
INDENT = pg_bsd_indent -bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 \
	-nfc1 -i4 -l79 -lp -lpl -nip -npro -sac -tpg -ts4 -Utypedefs.list
# what the formatter gets wrong: results that are pointers, ", ." and ", ..."
MEND = sed -E 's/^(const )?([A-Za-z]+)[ \t]+\*$$/\1\2 */; s/,\.([a-z.])/, .\1/g'
SOURCES = $(sort $(wildcard src/*.[ch] relay/*.[ch]))

.PHONY: format format-check symbols-check relay

# A program beside the extension; it needs hiredis and jansson, which this
# Makefile does not.
relay:
	$(MAKE) -C relay PG_CONFIG=$(PG_CONFIG) $(if $(WERROR),WERROR=1)

format:
	@for f in $(SOURCES); do \
		$(INDENT) < $$f | $(MEND) > $$f.new && cat $$f.new > $$f; rm -f $$f.new; \
	done

format-check:
	@result=0; for f in $(SOURCES); do \
		$(INDENT) < $$f | $(MEND) | diff -u --label $$f --label "$$f, formatted" $$f - \
			|| result=1; \
	done; exit $$result

# Every symbol that we export begins with our name: PostgreSQL 15 shows them
# all to every other module.
symbols-check: $(shlib)
	@! nm -D --defined-only $(shlib) | awk '{print $$3}' | \
		grep -vE '^(inv_|pg_finfo_inv_|_PG_(output_plugin_)?init$$|Pg_magic_func$$)'
