# From the kernel's objects to rmaptorture-user. src/kernel/user_build.c runs
# this in the folder `own` of the build tree, with
#
#   ROOT     rmaptorture's source	SRC  the kernel's source, patched
#   OBJ      the kernel's objects	OBJECTS  those of vm-images/user/files
#
# It has two halves, see src/user/model.h: the kernel half gets the flags with
# which the kernel's own build compiled mm/rmap.c.

WARN      := -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
	     -Wno-missing-field-initializers
# Definitions of the kernel's functions, of which no header is included here
WARN_OFF  := -Wno-missing-prototypes -Wno-missing-declarations
NO_COVER  := -fno-sanitize-coverage=inline-8bit-counters,pc-table
KFLAGS    := $(shell sed -n 's/^\(saved\)\{0,1\}cmd_mm\/rmap.o := \(ccache \)\{0,1\}clang //p' \
		$(OBJ)/mm/.rmap.o.cmd | sed 's/ -c -o .*//; s/-Wp,-MMD,[^ ]*//')
HFLAGS    := -std=gnu11 -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer -fno-pie \
	     -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	     -Wmissing-prototypes -Wvla -Wformat=2 -Wwrite-strings \
	     -I$(ROOT)/src -I$(ROOT)/fuzz
SANITIZE  := -fsanitize=fuzzer,address,undefined

KERNEL_C  := $(wildcard $(ROOT)/src/user/kernel/*.c)
HOST_C    := $(wildcard $(ROOT)/src/user/*.c $(ROOT)/src/prog/*.c) \
	     $(ROOT)/src/base/base.c $(ROOT)/src/oracle/judge.c \
	     $(ROOT)/fuzz/mutator.c
KERNEL_O  := $(patsubst $(ROOT)/src/user/kernel/%.c,kernel_%.o,$(KERNEL_C))
HOST_O    := $(addprefix host_,$(notdir $(HOST_C:.c=.o)))

vpath %.c $(sort $(dir $(HOST_C)))

rmaptorture-user: kernel.o stubs.o $(HOST_O) $(ROOT)/src/user/layout.lds
	@echo '  LD      $@'
	@clang -no-pie $(SANITIZE) -Wl,-T,$(ROOT)/src/user/layout.lds \
		-o $@ kernel.o stubs.o $(HOST_O)

kernel.o: $(addprefix $(OBJ)/,$(OBJECTS)) $(KERNEL_O)
	@echo '  LD      $@'
	@ld -r -o $@ $^

# What nobody defines names itself when it is called.
stubs.c: kernel.o $(HOST_O) $(ROOT)/vm-images/user/stubs.sh
	@echo '  GEN     $@'
	@sh $(ROOT)/vm-images/user/stubs.sh kernel.o $(HOST_O) > $@

stubs.o: stubs.c
	@echo '  CC      $@'
	@clang -O1 -g -fno-pie -fno-builtin -w -c -o $@ $<

# fork.c is the kernel's own, so it has the kernel's warnings and coverage.
kernel_fork.o: private WARN := $(WARN_OFF)
kernel_fork.o: private NO_COVER :=

# All it reads are page tables that are in use, and it reads all of them.
kernel_scan.o: private FAST := -O2 -fno-sanitize=all

# The only file that needs the fields of struct anon_vma can be done without.
KERNEL_CC = cd $(OBJ) && clang $(WARN) $(KFLAGS) $(WARN_OFF) $(NO_COVER) \
	    $(FAST) -I$(SRC) -I$(CURDIR) -c -o $(CURDIR)/$@
kernel_counts.o: $(ROOT)/src/user/kernel/counts.c probes.h FORCE
	@echo '  CC      $@'
	@($(KERNEL_CC) $<) 2>counts.txt || ($(KERNEL_CC) -DNO_COUNTS $<)

probes.h: FORCE
	@echo '  GEN     $@'
	@cd $(OBJ) && sh $(ROOT)/vm-images/user/probes.sh \
		$(ROOT)/vm-images/user/probes $(KFLAGS) > $(CURDIR)/$@

# Any file of ours or of the kernel's headers may have changed: all of them
# take seconds, and so there is no list of what includes what.
kernel_%.o: $(ROOT)/src/user/kernel/%.c probes.h FORCE
	@echo '  CC      $@'
	@($(KERNEL_CC) $<) || { echo "rmaptorture:" \
		"src/user/kernel/$*.c does not fit the headers of this tree:" \
		"adapt it, see docs/user-tier.md"; exit 1; }

host_%.o: %.c FORCE
	@echo '  CC      $@'
	@clang $(HFLAGS) -c -o $@ $<

FORCE:
.PHONY: FORCE
