# The kernel's own mm selftests as static programs. src/kernel/selftests.c runs
# this in a folder of its own, with
#
#   ROOT  rmaptorture's source		SRC  the kernel's source
#   PROGRAMS  what to build; one that does not build is left out
#
# Not through the tree's own Makefile: that links dynamically, and programs
# that call pthread_cancel() then load libgcc_s.so.1, which ldd does not show.

MM       := $(firstword $(wildcard $(SRC)/tools/testing/selftests/mm \
		$(SRC)/tools/testing/selftests/vm))
HELPERS  := $(wildcard $(MM)/vm_util.c $(MM)/thp_settings.c) line_buffered.c
CFLAGS   := -O2 -w -no-pie -static -s -U_FORTIFY_SOURCE -D_GNU_SOURCE= \
	    -I. -I$(MM) -I$(SRC) -isystem headers/usr/include \
	    -isystem $(SRC)/tools/include/uapi
LDLIBS   := -luring -lnuma -lcap -lrt -lpthread -lm

# khugepaged.c uses it without kselftest.h; gup_longterm.c puts files beside
# __FILE__
CFLAGS   += -DKSFT_SKIP=4 -fmacro-prefix-map=$(MM)/=

vpath %.c $(MM) $(ROOT)/vm-images/selftests

all: $(addprefix programs/,$(PROGRAMS))

programs/uffd-stress programs/uffd-unit-tests: uffd-common.c

programs/%: %.c $(HELPERS) local_config.h headers/usr/include/linux/types.h
	@mkdir -p programs
	@echo '  CC      $*'
	@$(CC) $(CFLAGS) -o $@ $(filter %.c,$^) $(LDLIBS)

# What the tree's check_config.sh would find
local_config.h:
	@echo '#define LOCAL_CONFIG_HAVE_LIBURING 1' > $@

headers/usr/include/linux/types.h:
	@mkdir -p headers
	@$(MAKE) -s -C $(SRC) O=$(CURDIR)/headers ARCH=x86_64 headers
