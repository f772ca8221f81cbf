/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slot: the layout of the shared memory between host and guest, and the two
 * ends of the exchange. A slot is one VM; a lane is one worker of its guest.
 * The memory is an ivshmem-plain BAR: it survives the guest, so the records
 * are the flight recorder of a kernel that died.
 *
 * Trust: the guest runs a kernel with bugs. Everything that it wrote is
 * hostile: the host copies first, then checks the copy (prog_check(),
 * result_check()), and never follows an index that it has not checked.
 *
 * Exchange, one program at a time a lane: the host fills @prog, then raises
 * @request to a new number (release); the guest runs it, fills @result and
 * @map, then sets @reply to that number (release). Nobody blocks in here: who
 * waits polls, and sleeps as it likes.
 *
 * Pure: no clock, no allocation.
 */
#ifndef RMAPTORTURE_SLOT_H
#define RMAPTORTURE_SLOT_H

#include "base/base.h"
#include "prog/result.h"

#define SLOT_MAGIC     0x4c535452u /* "RTSL" */
#define SLOT_VERSION   3
#define SLOT_BYTES     (4u << 20)
#define SLOT_LANES     4
#define SLOT_RECORDS   64
#define SLOT_MAP_BYTES (1u << 16)
#define SLOT_SETTINGS  1024 /* bytes of text, with its NUL */
#define SLOT_SITES_MAX 4096 /* KCOV sites, u64 each, at the start of map */
#define SLOT_VMSTAT    8192

enum guest_state {
	GUEST_BOOTING = 0,
	GUEST_IDLE = 1,	  /* all lanes wait for requests */
	GUEST_BROKEN = 2, /* init could not go on: see @message */
};

enum slot_command {
	SLOT_RUN = 1,	/* run @prog as @flags say */
	SLOT_RANK = 2,	/* name the @number KCOV call sites counted most often
			 * among those that every RUN_COUNT program hit: @number
			 * becomes how many there are, @map starts with them */
	SLOT_PRUNE = 5, /* patch out the @number sites at the start of @map;
			 * the slot's kcov_pruned tells how many were */
	SLOT_BARE = 3,	/* the bare loop of `bench speed`, @number times;
			 * result.us is the time of all */
	SLOT_CRASH = 4, /* panic by sysrq: for `bench restore` and tests */
	SLOT_GCOV = 6,	/* @map becomes the counts of gcov from byte @number of
			 * their stream on; @number: how long it is */
	SLOT_ORDER = 7, /* @map becomes what RUN_ORDER has kept, as in struct
			 * slot_trace, from the point with index @number on;
			 * @number: how many there are */
};

#define RUN_COVER 0x01 /* fold KCOV into @map */
#define RUN_CHECK 0x02 /* read the end pages */
#define RUN_COUNT 0x04 /* count call sites for a later SLOT_PRUNE */
#define RUN_FSCK  0x08 /* rmap_fsck of each process before its end pages */
#define RUN_TRACE 0x10 /* @map becomes a struct slot_trace */
#define RUN_LEAK  0x20 /* count what is left behind since the last count */

/* With RUN_TRACE: of call RUN_CALL_OF(flags) alone, in order, and as often */
#define RUN_ORDER	   0x40
#define RUN_CALL(i)	   ((uint32_t)(i) << 8)
#define RUN_CALL_OF(flags) ((flags) >> 8 & 0xff)

#define TRACE_PCS_MAX (SLOT_MAP_BYTES / 4 - PROG_CALLS_MAX)

/** struct slot_trace - which points each call of a program came to: those of
 *  call i end at @end[i], and begin where those of the call before it end, each
 *  once. What does not fit is left out. Lower halves of
 * addresses: the kernel's text is in the last 2 GiB */
struct slot_trace {
	uint32_t end[PROG_CALLS_MAX]; /* not falling, <= TRACE_PCS_MAX */
	uint32_t pc[TRACE_PCS_MAX];
};
_Static_assert(sizeof(struct slot_trace) == SLOT_MAP_BYTES, "it is a map");
#define TRACE_PC_HIGH 0xffffffff00000000u

/** struct slot_gcov - a file of counts in the stream of SLOT_GCOV: this, its
 *  path, its contents; without NUL or padding */
struct slot_gcov {
	uint32_t name_len;
	uint32_t len;
};

/** struct slot_record - one program of the flight recorder */
struct slot_record {
	uint64_t number; /* counts up from 1 in each lane; 0: empty */
	struct prog prog;
};

/** struct slot_lane - one worker; each part starts on its own page */
struct slot_lane {
	/* written by the host */
	uint32_t request __attribute__((aligned(4096)));
	uint32_t command;    /* enum slot_command */
	uint32_t flags;	     /* RUN_* */
	uint32_t number;     /* in and out, see enum slot_command */
	uint32_t timeout_ms; /* of one program, already scaled */
	/* of each stall of @prog: its point in this kernel, as KCOV reports it;
	 * 0: it has none, and the calls only race */
	uint64_t stall_pc[PROG_STALLS_MAX];
	struct prog prog;
	/* written by the guest */
	uint32_t reply __attribute__((aligned(4096)));
	uint32_t map_bytes; /* SLOT_MAP_BYTES, or 0 without coverage */
	uint64_t programs;  /* run since boot */
	uint64_t wait_ns;   /* spent polling for a request since boot */
	struct prog_result result;
	/* how far each call of each record got: enum call_state. Exactly one
	 * page, so that the actors can keep it mapped across fork. */
	uint8_t progress[SLOT_RECORDS][PROG_CALLS_MAX]
		__attribute__((aligned(4096)));
	uint8_t map[SLOT_MAP_BYTES] __attribute__((aligned(4096)));
	struct slot_record record[SLOT_RECORDS] __attribute__((aligned(4096)));
};

struct slot {
	/* written by the host before the guest starts */
	uint32_t magic;
	uint32_t version;
	uint32_t ops_hash;
	uint32_t nr_lanes;    /* 1..SLOT_LANES */
	uint32_t nr_settings; /* see slot_set() */
	char settings[SLOT_SETTINGS];
	/* written by the guest */
	uint32_t guest_state; /* enum guest_state */
	uint32_t caps;	      /* enum cap */
	uint64_t calib_ns;    /* time of the reference program, median of 5 */
	uint32_t kcov_sites;  /* in the kernel; 0 unknown */
	uint32_t kcov_pruned;
	char release[64];  /* uname -r, cut */
	char message[256]; /* with GUEST_BROKEN: what, where, what to do */
	/* /proc/vmstat, cut: before the first program that this slot brought,
	 * and about a second ago. NUL-terminated as long as the guest is sane
	 */
	char vmstat_first[SLOT_VMSTAT];
	char vmstat_last[SLOT_VMSTAT];
	struct slot_lane lane[SLOT_LANES];
};
_Static_assert(sizeof(struct slot) <= SLOT_BYTES, "a slot fits its BAR");
_Static_assert(sizeof(((struct slot_lane *)0)->progress) == 4096,
	"progress is one page");

/** slot_init() - the host's part of the header; the rest is zeroed.
 *  @nr_lanes in 1..SLOT_LANES */
void slot_init(struct slot *slot, uint32_t nr_lanes);

/**
 * slot_set() - host's end: what is to be written to files of the guest
 * @lines: "PATH VALUE" each, in this order; shorter than SLOT_SETTINGS
 *
 * Each worker writes them before the program that it runs next, so a clone can
 * be told what its template was not. No lane may have a request. The text is
 * not for programs: their actors do not map it.
 */
void slot_set(struct slot *slot, const char *lines);

/** slot_state() - guest_state, as one of the enum (anything else: BROKEN) */
enum guest_state slot_state(const struct slot *slot);

/** slot_accept() - guest's end: does the host speak this layout and these ops?
 *  Returns 0 or -EPROTO with the difference in @why */
int slot_accept(const struct slot *slot, struct why *why);

/** slot_message() - copies the guest's message, always terminated, made
 *  printable, into @ret */
void slot_message(const struct slot *slot, char ret[256]);

struct slot_request {
	enum slot_command command;
	uint32_t flags;
	uint32_t number;
	uint32_t timeout_ms;
	uint64_t stall_pc[PROG_STALLS_MAX]; /* as in struct slot_lane */
};

/** slot_submit() - host's end. @prog may be NULL where the command needs none.
 *  @lane < nr_lanes; the lane must be idle. Returns the request's number. */
uint32_t slot_submit(struct slot *slot, uint32_t lane,
	const struct slot_request *request, const struct prog *prog);

/** slot_replied() - has request @number been answered? */
bool slot_replied(const struct slot *slot, uint32_t lane, uint32_t number);

/**
 * slot_take() - host's end: copy the result of a request that was answered
 * @prog:   the program that was submitted, to check the result against
 * @ret:    the checked result
 * @map:    SLOT_MAP_BYTES to copy the map into, or NULL
 *
 * Returns 0, or -EBADMSG with the field in @why: the guest is BROKEN.
 */
int slot_take(const struct slot *slot, uint32_t lane, const struct prog *prog,
	struct prog_result *ret, uint8_t *map, struct why *why);

/** struct slot_flight - what the recorder of a lane held, oldest first */
struct slot_flight {
	uint32_t nr;  /* <= SLOT_RECORDS */
	uint32_t bad; /* records that were not programs */
	struct {
		uint64_t number;
		struct prog prog;
		uint8_t progress[PROG_CALLS_MAX]; /* enum call_state */
	} entry[SLOT_RECORDS];
};

/** slot_flight() - copy and check the recorder of @lane. Total. */
void slot_flight(
	const struct slot *slot, uint32_t lane, struct slot_flight *ret);

/** slot_pending() - guest's end: a request not yet answered, copied to @ret
 *  and, for SLOT_RUN, to @prog (unchecked; calls that are not used keep what
 *  they held). A request is new when it differs from the reply in the slot, so
 *  a clone whose slot is a fresh file needs no memory of the template's.
 *  Returns its number or 0 */
uint32_t slot_pending(const struct slot *slot, uint32_t lane,
	struct slot_request *ret, struct prog *prog);

/** slot_record() - guest's end: note @prog in the recorder before it runs, and
 *  count it in @programs.
 *  Returns the index of the record, whose progress is then all CALL_NOT_RUN */
uint32_t slot_record(struct slot *slot, uint32_t lane, const struct prog *prog);

/** slot_answer() - guest's end: publish the reply to @number */
void slot_answer(struct slot *slot, uint32_t lane, uint32_t number);

/*
 * The control block: how the host tells an engine which slot file its lane
 * is served by now. One small file, mapped by both, written by the host only.
 * @generation is odd while the host changes @path: read it before and after.
 */
struct slot_control {
	uint32_t magic;
	uint32_t generation;
	uint32_t stop; /* the engine should end */
	uint32_t caps;
	uint32_t timeout_ms; /* of one program */
	uint32_t guilty;     /* lane of which the last VM died; SLOT_LANES:
			      * unknown */
	uint32_t hung;	     /* it gave no word of its death */
	uint64_t title;	     /* hash_bytes() of what it was filed under */
	char path[256];
};

/* --- a guest that runs the kernel's selftests ----------------------------- */

#define SELFTEST_MAGIC	    0x4654534bu /* "KSTF" */
#define SELFTEST_OUTPUT_MAX (3u << 20)

/**
 * struct selftest_slot - the slot of a guest whose initramfs has /selftests
 *
 * One exchange, a program at a time: the host fills its part and raises
 * @request; the guest applies @settings, runs @argv and sets @reply. @output
 * grows meanwhile, so that it is there when the kernel dies.
 *
 * @limit_ms:	 the program and all it started are killed after that
 * @argv:	 words, each with its NUL, ended by an empty one
 * @settings:	 lines "PATH VALUE", written in this order before the program
 * @needed:	 the same, behind them; without one of these nothing is run
 * @refused:	 the first line that the kernel did not take
 * @not_run:	 whether that is one of @needed
 * @status:	 as of waitpid()
 * @timed_out:	 whether @limit_ms ended it
 * @output_len:	 bytes of @output so far; what does not fit is dropped
 */
struct selftest_slot {
	/* written by the host */
	uint32_t magic;
	uint32_t request;
	uint32_t limit_ms;
	char argv[256];
	char settings[2048];
	char needed[SLOT_SETTINGS];
	/* written by the guest */
	uint32_t guest_state /* BOOTING or IDLE; what is broken is on the
				console */
		__attribute__((aligned(4096)));
	uint32_t reply;
	int32_t status;
	uint32_t timed_out;
	uint32_t not_run;
	uint32_t output_len;
	char refused[256];
	char output[SELFTEST_OUTPUT_MAX] __attribute__((aligned(4096)));
};
_Static_assert(sizeof(struct selftest_slot) <= SLOT_BYTES, "it fits the BAR");

#endif
