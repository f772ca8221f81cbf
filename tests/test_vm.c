/* SPDX-License-Identifier: GPL-2.0-only */

/* The parts of vm that need neither QEMU nor a kernel. */

#include "vm/vm.h"

#include "vm/accel.h"
#include "vm/cmdline.h"
#include "vm/console.h"
#include "vm/qmp.h"
#include "vm/rundir.h"
#include "vm/template.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <utime.h>

#include "shared.h"
#include "test.h"

static char *root; /* of all folders */

static char *dir_new(void)
{
	return g_mkdtemp(g_build_filename(root, "XXXXXX", NULL));
}

static char *dir_file(const char *dir, const char *name, const char *text)
{
	char *path = g_build_filename(dir, name, NULL);

	if (text)
		(void)g_file_set_contents(path, text, -1, NULL);
	return path;
}

static gboolean exists(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

static int line_note(const char *line, gsize len, void *user)
{
	g_string_append_len(user, line, (gssize)len);
	g_string_append_c(user, '|');
	return strcmp(line, "stop") ? 0 : -EBADMSG;
}

static void test_lines(void)
{
	static const char stream[] = "one\r\n\n{\"two\": 2}\nthree";
	g_autoptr(GString) part = g_string_new(NULL);
	g_autoptr(GString) seen = g_string_new(NULL);
	g_autofree char *big = g_strnfill(QMP_LINE_MAX, 'x');
	gsize i;

	for (i = 0; i < sizeof(stream) - 1; i++)
		(void)qmp_lines_feed(part, stream + i, 1, line_note, seen);
	test_case(!strcmp(seen->str, "one|{\"two\": 2}|"),
		"lines that come byte by byte are put together");
	test_case(!strcmp(part->str, "three"),
		"an unfinished line waits for its end");
	test_case(qmp_lines_feed(part, "!\nstop\nmore\n", 12, line_note,
			  seen) == -EBADMSG &&
			  g_str_has_suffix(seen->str, "|three!|stop|"),
		"an error of the receiver stops the feed");
	g_string_truncate(part, 0);
	test_case(qmp_lines_feed(part, big, QMP_LINE_MAX, line_note, seen) == 0,
		"a line of the greatest length is taken");
	test_case(qmp_lines_feed(part, "x", 1, line_note, seen) == -EMSGSIZE,
		"a longer one is refused");
}

static const struct {
	const char *why, *line;
	int err;
	enum qmp_kind kind;
	guint64 id;
	const char *name;
} messages[] = {
	{"the greeting is known", "{\"QMP\": {\"version\": {}}}", 0,
		QMP_GREETING, 0, NULL},
	{"an answer carries its command's id", "{\"return\": {}, \"id\": 7}", 0,
		QMP_RETURN, 7, NULL},
	{"a failure carries its text",
		"{\"error\": {\"class\": \"X\", \"desc\": \"no\"}, \"id\": 8}",
		0, QMP_FAILURE, 8, "no"},
	{"a failure without text is still one", "{\"error\": 5}", 0,
		QMP_FAILURE, 0, "no reason given"},
	{"an event carries its name",
		"{\"event\": \"STOP\", \"data\": {}, \"timestamp\": {}}", 0,
		QMP_EVENT, 0, "STOP"},
	{"an event of another type is none", "{\"event\": 5}", -EBADMSG,
		QMP_EVENT, 0, NULL},
	{"an id of another type is none", "{\"return\": 1, \"id\": \"x\"}", 0,
		QMP_RETURN, 0, NULL},
	{"an object with nothing we know is refused", "{}", -EBADMSG, QMP_EVENT,
		0, NULL},
	{"an array is refused", "[1]", -EBADMSG, QMP_EVENT, 0, NULL},
	{"half a message is refused", "{\"return\": {", -EBADMSG, QMP_EVENT, 0,
		NULL},
	{"bytes that are no UTF-8 are refused", "{\"event\": \"\xff\"}",
		-EBADMSG, QMP_EVENT, 0, NULL},
	{"text is refused", "qemu: out of luck", -EBADMSG, QMP_EVENT, 0, NULL},
};

static void test_messages(void)
{
	g_autofree char *command = qmp_command(3, "migrate",
		g_variant_new_parsed("{'uri': <'fd:state'>, 'on': <true>}"));
	size_t i;

	for (i = 0; i < G_N_ELEMENTS(messages); i++) {
		struct qmp_msg msg = {0};
		int err = qmp_msg_parse(
			messages[i].line, strlen(messages[i].line), &msg);

		test_case(err == messages[i].err &&
				  (err || (msg.kind == messages[i].kind &&
						  msg.id == messages[i].id &&
						  !g_strcmp0(msg.name,
							  messages[i].name))),
			messages[i].why);
		qmp_msg_clear(&msg);
	}
	test_case(!strcmp(command,
			  "{\"execute\":\"migrate\",\"arguments\":"
			  "{\"uri\":\"fd:state\",\"on\":true},\"id\":3}\n"),
		"a command is one line of JSON");
}

static const struct vm_machine plain = {
	.bzimage = "/k/bzImage",
	.initrd = "/k/initrd",
	.append = "rmap_mutant=x",
	.accel = VM_ACCEL_TCG,
};

static gboolean argv_has(char **argv, const char *option, const char *value)
{
	for (; argv[0] && argv[1]; argv++)
		if (!strcmp(argv[0], option) && !strcmp(argv[1], value))
			return TRUE;
	return FALSE;
}

static gboolean argv_mentions(char **argv, const char *text)
{
	for (; *argv; argv++)
		if (strstr(*argv, text))
			return TRUE;
	return FALSE;
}

static void test_command_line(void)
{
	g_auto(GStrv) boot = vm_command_line(&plain, "/d,ir");
	struct vm_machine odd = plain;
	g_auto(GStrv) kvm = NULL;

	test_case(argv_has(boot, "-nic", "none") &&
			  !argv_mentions(boot, "tcp:") &&
			  !argv_mentions(boot, "-netdev"),
		"nothing is on the network");
	test_case(argv_has(boot, "-accel", "tcg,thread=multi,tb-size=64") &&
			  argv_has(boot, "-cpu", "max,la57=off"),
		"TCG runs with a small buffer and four-level page tables");
	test_case(argv_has(boot, "-smp", "2,sockets=2,cores=1,threads=1") &&
			  argv_has(boot, "-numa", "node,nodeid=1,memdev=ram1"),
		"two vCPUs are two sockets on two nodes");
	test_case(argv_mentions(boot, "mem-path=/d,,ir/ram0") &&
			  argv_mentions(boot, "size=512M,share=on"),
		"a comma in a path is doubled, and RAM is shared while "
		"booting");
	test_case(argv_mentions(boot, "panic_on_warn=1") &&
			  argv_mentions(boot, "page_table_check=on rmap_mut"),
		"the caller's kernel arguments come after ours");
	test_case(!argv_mentions(boot, "-qtest") &&
			  !argv_mentions(boot, "-incoming"),
		"a guest that boots loads no state");
	odd.vcpus = 3;
	odd.accel = VM_ACCEL_KVM;
	odd.append = NULL;
	kvm = vm_command_line(&odd, "/dir");
	test_case(argv_has(kvm, "-smp", "3,sockets=3,cores=1,threads=1") &&
			  argv_has(kvm, "-numa", "cpu,node-id=0,socket-id=2"),
		"an odd number of vCPUs is spread over both nodes");
	test_case(argv_has(kvm, "-accel", "kvm") && !argv_mentions(kvm, "tcg"),
		"KVM is KVM alone");
}

static void test_clone_line(void)
{
	struct vm_machine full = machine_with_defaults(&plain);
	struct cmdline_place place = {
		.ram = "/t/ram",
		.slot = "/s",
		.console = "/c",
		.clone = TRUE,
	};
	g_auto(GStrv) boot = vm_command_line(&plain, "/t");
	g_auto(GStrv) clone = cmdline_build(&full, &place);
	const char *slot = "ivshmem-plain,memdev=slot,master=on,addr=0x3";

	test_case(argv_mentions(clone, "share=off,mem-path=/t/ram1") &&
			  argv_mentions(clone, "share=on,mem-path=/s"),
		"a clone's RAM is private, its slot shared");
	test_case(argv_has(clone, "-incoming", "defer") &&
			  argv_has(clone, "-qtest", "chardev:qtest"),
		"a clone waits for its state");
	test_case(argv_has(boot, "-device", slot) &&
			  argv_has(clone, "-device", slot),
		"template and clone have the slot at one PCI address");
}

static void test_record_line(void)
{
	struct vm_machine full = machine_with_defaults(&plain);
	struct cmdline_place place = {
		.slot = "/s",
		.console = "/c",
		.record = "/r,",
		.rr = VM_RR_RECORD,
	};
	g_auto(GStrv) record = cmdline_build(&full, &place);
	g_auto(GStrv) replay = vm_replay_command_line(&plain, "/r");

	test_case(argv_has(record, "-accel", "tcg,thread=single,tb-size=64") &&
			  argv_has(record, "-icount",
				  "shift=auto,rr=record,rrfile=/r,,/events,"
				  "rrsnapshot=start"),
		"what is recorded runs in one thread");
	test_case(argv_has(replay, "-smp", "1,sockets=1,cores=1,threads=1") &&
			  argv_mentions(replay, "rr=replay") &&
			  argv_has(replay, "-gdb", "chardev:gdb") &&
			  argv_has(replay, "-serial", "stdio"),
		"a replay has one vCPU, and a debugger finds it");
	test_case(!argv_mentions(replay, "fd=") &&
			  !argv_mentions(replay, "memory-backend-file"),
		"a replay for people needs no file and no descriptor of ours");
}

static const struct {
	const char *why;
	struct vm_machine machine;
	gboolean good;
} shapes[] = {
	{"defaults are good", {0}, TRUE},
	{"more than 16 vCPUs are refused", {.vcpus = 17}, FALSE},
	{"odd memory is refused, as two nodes share it", {.mem_mib = 1025},
		FALSE},
	{"little memory is refused", {.mem_mib = 32}, FALSE},
	{"a slot that is no power of two is refused", {.slot_bytes = 4097},
		FALSE},
	{"a slot below a page is refused", {.slot_bytes = 2048}, FALSE},
	{"one vCPU is good", {.vcpus = 1}, TRUE},
};

static void test_shapes(void)
{
	size_t i;

	for (i = 0; i < G_N_ELEMENTS(shapes); i++) {
		struct vm_machine full =
			machine_with_defaults(&shapes[i].machine);

		test_case(machine_check(&full, NULL) == shapes[i].good,
			shapes[i].why);
	}
}

static void test_console(void)
{
	g_autofree char *dir = dir_new();
	g_autofree char *path = dir_file(dir, "console.log", NULL);
	struct console *console = console_new(path, NULL);
	g_autofree char *chunk = g_strnfill(100000, 'm');
	const GString *text = console_text(console);
	g_autofree char *file = NULL;
	gsize len = 0;
	int i;

	console_add(console, "first\0second\n", 13);
	test_case(text->len == 13 && console_has(console, "second", 8),
		"bytes are kept as they come, NUL included");
	for (i = 0; i < 200; i++)
		console_add(console, chunk, 100000);
	console_add(console, "the last line\n", 14);
	test_case(text->len <= CONSOLE_MAX && text->len > CONSOLE_TAIL,
		"a record has a bound");
	test_case(g_str_has_prefix(text->str, "first") &&
			  g_str_has_suffix(text->str + 13, "the last line\n"),
		"head and tail stay");
	test_case(strstr(text->str + 13, "bytes of console dropped here]"),
		"what was dropped is said");
	test_case(strstr(text->str + 13, "dropped here") ==
			  g_strrstr(text->str + 13, "dropped here"),
		"and said once");
	test_case(console_total(console) == 13 + 200 * 100000 + 14,
		"all bytes are counted");
	test_case(!console_has(console, "first", 1000),
		"a search looks at the tail only");
	console_free(console);
	test_case(g_file_get_contents(path, &file, &len, NULL) &&
			  len <= CONSOLE_MAX && len > CONSOLE_TAIL &&
			  g_str_has_suffix(file + 13, "the last line\n"),
		"the file has head and tail too");
	store_remove(dir);
}

static void test_verdict(void)
{
	static const char *const garbage[] = {"", "{", "[]", "{}",
		"{\"accel\": \"auto\", \"reason\": \"x\", \"seconds\": 1}",
		"{\"accel\": \"kvm\", \"reason\": \"\", \"seconds\": 1}",
		"{\"accel\": \"kvm\", \"reason\": \"x\"}",
		"{\"accel\": 1, \"reason\": 2, \"seconds\": \"x\"}"};
	g_autofree char *dir = dir_new();
	g_autofree char *path = verdict_path(dir, "QEMU 7.2");
	g_autofree char *other = verdict_path(dir, "QEMU 8.0");
	struct vm_accel_verdict in = {
		.accel = VM_ACCEL_TCG, .reason = (char *)"\"so\"\n", 10.5};
	struct vm_accel_verdict out = {0};
	gboolean refused = TRUE;
	size_t i;

	test_case(!verdict_read(path, &out), "no file is no verdict");
	test_case(strcmp(path, other), "another QEMU has another verdict");
	test_case(verdict_write(path, &in, NULL) && verdict_read(path, &out) &&
			  out.accel == in.accel && out.remembered &&
			  !g_strcmp0(out.reason, in.reason) &&
			  out.seconds > 10.4 && out.seconds < 10.6,
		"a verdict survives its file");
	vm_accel_verdict_clear(&out);
	for (i = 0; i < G_N_ELEMENTS(garbage); i++) {
		(void)g_file_set_contents(path, garbage[i], -1, NULL);
		refused &= !verdict_read(path, &out);
	}
	test_case(refused && !out.reason, "a file of garbage is no verdict");
	store_remove(dir);
}

static void test_meta(void)
{
	g_autofree char *dir = dir_new();
	struct vm_template_info in = {
		.key = "k",
		.qemu_version = "q",
		.accel = VM_ACCEL_TCG,
		.boot_seconds = 4.5,
		.save_ms = 7,
		.state_bytes = 326861,
		.bar_address = 0x3fe400000,
	};
	struct vm_template_info out = {0};

	test_case(!meta_read(dir, &out), "a folder without facts is none");
	test_case(meta_write(dir, &in, NULL) && meta_read(dir, &out) &&
			  out.bar_address == in.bar_address &&
			  out.state_bytes == in.state_bytes,
		"a template's facts survive their file");
	in.bar_address = 0;
	test_case(meta_write(dir, &in, NULL) && !meta_read(dir, &out),
		"a template that has no slot is refused");
	store_remove(dir);
}

static char *key_of(const struct vm_machine *machine, const char *id)
{
	struct vm_boot boot = {.ready = {4, 1}, .id = id};
	struct vm_machine full = machine_with_defaults(machine);

	return template_key(&full, &boot, "QEMU 7.2", NULL);
}

static void test_key(void)
{
	g_autofree char *dir = dir_new();
	g_autofree char *kernel = dir_file(dir, "k", "kernel");
	g_autofree char *initrd = dir_file(dir, "i", "initrd");
	struct vm_machine a = {.bzimage = kernel, .initrd = initrd}, b = a;
	g_autofree char *first = key_of(&a, "x");
	g_autofree char *again = key_of(&a, "x");
	g_autofree char *id = key_of(&a, "y");
	g_autofree char *appended = NULL, *rebuilt = NULL, *gone = NULL;

	test_case(first && strlen(first) == 64 && !strcmp(first, again),
		"equal input gives an equal key");
	b.append = "x";
	appended = key_of(&b, "x");
	test_case(strcmp(first, id) && strcmp(first, appended),
		"hooks and kernel arguments are in the key");
	g_free(dir_file(dir, "k", "kernel, rebuilt"));
	rebuilt = key_of(&a, "x");
	test_case(strcmp(first, rebuilt), "the kernel's content is in the key");
	(void)g_unlink(initrd);
	gone = key_of(&a, "x");
	test_case(!gone, "without an initrd there is no key");
	store_remove(dir);
}

/* @age: seconds since the template was used. */
static char *template_fake(const char *templates, char letter, int age)
{
	char *key = g_strnfill(64, letter);
	g_autofree char *dir = g_build_filename(templates, key, NULL);
	g_autofree char *meta = NULL;
	struct utimbuf when = {.modtime = 1700000000 - age};

	(void)g_mkdir(dir, 0755);
	meta = dir_file(dir, "meta.json", "{}");
	(void)utime(meta, &when);
	return key;
}

static void test_store(void)
{
	g_autofree char *dir = dir_new();
	g_autofree char *new = template_fake(dir, 'a', 1);
	g_autofree char *old = template_fake(dir, 'b', 2);
	g_autofree char *used = template_fake(dir, 'c', 3);
	int lock = store_lock(dir, used, FALSE, TRUE);
	g_autofree char *tmp = g_build_filename(dir, "tmp", NULL);
	g_autofree char *unfinished =
		g_strconcat(dir, "/" STORE_UNFINISHED, old, NULL);
	g_autofree char *to = g_build_filename(dir, "to", NULL);

	test_case(store_lock(dir, used, TRUE, FALSE) == -EWOULDBLOCK,
		"an open template cannot be had for writing");
	store_prune(dir, 1);
	test_case(exists(dir, new) && !exists(dir, old),
		"the one used last stays, older ones go");
	test_case(exists(dir, used), "one that is open stays");
	(void)close(lock);
	store_prune(dir, 1);
	test_case(!exists(dir, used), "until it is closed");
	(void)g_mkdir(unfinished, 0755);
	store_prune(dir, 1);
	test_case(!g_file_test(unfinished, G_FILE_TEST_EXISTS),
		"one whose making was interrupted goes");
	(void)g_mkdir(tmp, 0755);
	g_free(dir_file(tmp, "state", "x"));
	test_case(store_commit(tmp, to, NULL) && exists(to, "state") &&
			  !exists(dir, "tmp"),
		"a template appears whole");
	test_case(store_has_room(dir, 1, NULL) &&
			  !store_has_room(dir, (uint64_t)1 << 60, NULL),
		"a full disk is seen before the boot");
	store_remove(to);
	store_remove(dir);
}

static void test_rundir(void)
{
	g_autofree char *top = dir_new();
	g_autofree char *path = g_build_filename(top, "vm-1", NULL);
	struct rundir *dir = rundir_open(path, NULL);
	g_autoptr(GError) why = NULL;
	void *map = NULL;

	test_case(dir && exists(path, "lock"), "a folder is made and locked");
	test_case(!rundir_open(path, &why) &&
			  g_error_matches(why, VM_ERROR, VM_ERROR_BUSY),
		"a folder in use is refused");
	/* Ours is a living process, and no QEMU of that folder. */
	test_case(rundir_write_pid(dir, getpid(), NULL) &&
			  rundir_make_slot(dir, 1 << 16, NULL, &map, NULL) &&
			  *(char *)map == 0,
		"a slot starts with zeros");
	(void)munmap(map, 1 << 16);
	rundir_sweep(top);
	test_case(exists(path, "pid"), "a sweep leaves what is locked alone");
	rundir_close(dir);
	test_case(!exists(path, "pid"),
		"a pid that is no QEMU of ours is not killed");
	rundir_sweep(top);
	test_case(!exists(top, "vm-1"), "a sweep removes what nobody holds");
	store_remove(top);
}

int main(void)
{
	root = g_dir_make_tmp("rmaptorture-test-vm-XXXXXX", NULL);
	g_assert(root);
	test_lines();
	test_messages();
	test_command_line();
	test_clone_line();
	test_record_line();
	test_shapes();
	test_console();
	test_verdict();
	test_meta();
	test_key();
	test_store();
	test_rundir();
	dir_remove(root);
	g_free(root);
	return test_end();
}
