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
# Definitions of the kernel's functions, of which no header is included here, or
# one that puts them in another section
WARN_OFF  := -Wno-missing-prototypes -Wno-missing-declarations -Wno-section
NO_COVER  := -fno-sanitize-coverage=inline-8bit-counters,pc-table,trace-pc
KFLAGS    := $(shell sed -n 's/^\(saved\)\{0,1\}cmd_mm\/rmap.o := \(ccache \)\{0,1\}clang //p' \
		$(OBJ)/mm/.rmap.o.cmd | sed 's/ -c -o .*//; s/-Wp,-MMD,[^ ]*//')
DEPS       = -MMD -MP -MT $@ -MF $(CURDIR)/$(@:.o=.d)
HFLAGS    := -std=gnu11 -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer -fno-pie \
	     -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	     -Wmissing-prototypes -Wvla -Wformat=2 -Wwrite-strings \
	     -I$(ROOT)/src -I$(ROOT)/fuzz -I$(ROOT)
SANITIZE  := -fsanitize=fuzzer,address,undefined

KERNEL_C  := $(wildcard $(ROOT)/src/user/kernel/*.c)
HOST_C    := $(wildcard $(ROOT)/src/user/*.c $(ROOT)/src/prog/*.c) \
	     $(ROOT)/src/base/base.c $(ROOT)/src/oracle/judge.c \
	     $(ROOT)/src/oracle/known.c \
	     $(ROOT)/src/cover/points.c $(ROOT)/fuzz/mutator.c \
	     $(ROOT)/fuzz/schedule.c $(ROOT)/fuzz/schedule_pick.c
KERNEL_O  := $(patsubst $(ROOT)/src/user/kernel/%.c,kernel_%.o,$(KERNEL_C))
HOST_O    := $(addprefix host_,$(notdir $(HOST_C:.c=.o)))

# Functions of mm/huge_memory.c that are static there, and that we call
WAYS_IN   := hugepage_init split_huge_pages_debugfs
OPENED    := mm/huge_memory.o

vpath %.c $(sort $(dir $(HOST_C)))

# The lists of what includes what name files of ROOT: those of another checkout,
# which may be gone, are of no use.
ifneq ($(file <root.txt),$(ROOT))
$(shell rm -f *.d *.o)
$(file >root.txt,$(ROOT))
endif

rmaptorture-user: kernel.o stubs.o $(HOST_O) $(ROOT)/src/user/layout.lds
	@echo '  LD      $@'
	@clang -no-pie $(SANITIZE) -Wl,-T,$(ROOT)/src/user/layout.lds \
		-Wl,--wrap=__sanitizer_cov_trace_pc \
		-o $@ kernel.o stubs.o $(HOST_O)

kernel.o: $(addprefix $(OBJ)/,$(filter-out $(OPENED),$(OBJECTS))) \
		opened.o $(KERNEL_O)
	@echo '  LD      $@'
	@ld -r -o $@ $^

opened.o: $(OBJ)/$(OPENED)
	@objcopy $(addprefix --globalize-symbol=,$(WAYS_IN)) $< $@

# What nobody defines names itself when it is called.
stubs.c: kernel.o $(HOST_O) $(ROOT)/vm-images/user/stubs.sh
	@echo '  GEN     $@'
	@sh $(ROOT)/vm-images/user/stubs.sh kernel.o $(HOST_O) > $@

stubs.o: stubs.c
	@echo '  CC      $@'
	@clang -O1 -g -fno-pie -fno-builtin -w -c -o $@ $<

# These are the kernel's own, so they have the kernel's warnings and coverage.
kernel_fork.o kernel_ksm.o: private WARN := $(WARN_OFF)
kernel_fork.o kernel_ksm.o: private NO_COVER :=

# All it reads are page tables that are in use, and it reads all of them.
kernel_scan.o: private FAST := -O2 -fno-sanitize=all

# Runs where the kernel's flags mean something; the list of what it includes is
# then put right for here.
KERNEL_CC = cd $(OBJ) && clang $(WARN) $(KFLAGS) $(WARN_OFF) $(NO_COVER) \
	    $(FAST) -I$(SRC) -I$(CURDIR) $(DEPS) -c -o $(CURDIR)/$@
DEPS_HERE = sed -i 's|\./include|$(OBJ)/include|; s|\./arch|$(OBJ)/arch|' \
	    $(@:.o=.d)

# The only file that needs the fields of struct anon_vma can be done without.
kernel_counts.o: $(ROOT)/src/user/kernel/counts.c probes.h flags.txt
	@echo '  CC      $@'
	@($(KERNEL_CC) $<) 2>counts.txt || ($(KERNEL_CC) -DNO_COUNTS $<)
	@$(DEPS_HERE)

kernel_%.o: $(ROOT)/src/user/kernel/%.c probes.h flags.txt
	@echo '  CC      $@'
	@($(KERNEL_CC) $<) || { echo "rmaptorture:" \
		"src/user/kernel/$*.c does not fit the headers of this tree:" \
		"adapt it, see docs/user-tier.md"; exit 1; }
	@$(DEPS_HERE)

host_%.o: %.c flags.txt
	@echo '  CC      $@'
	@clang $(HFLAGS) $(DEPS) -c -o $@ $<

# mm/rmap.o is new when one of the headers is.
probes.h: $(OBJ)/mm/rmap.o $(ROOT)/vm-images/user/probes \
		$(ROOT)/vm-images/user/probes.sh flags.txt
	@echo '  GEN     $@'
	@cd $(OBJ) && sh $(ROOT)/vm-images/user/probes.sh \
		$(ROOT)/vm-images/user/probes $(KFLAGS) -I$(SRC) > $(CURDIR)/$@.new
	@mv $@.new $@ # whole, or not at all

# Other flags, other objects.
flags.txt: FORCE
	@printf '%s\n' '$(subst ','\'',$(KFLAGS) $(HFLAGS) $(WARN_OFF))' >$@.new
	@cmp -s $@ $@.new || cp $@.new $@

FORCE:
.PHONY: FORCE
.DELETE_ON_ERROR:

-include $(KERNEL_O:.o=.d) $(HOST_O:.o=.d)
