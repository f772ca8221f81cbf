#!/bin/sh
# A definition, as C, for each symbol that kernel.o wants and nobody has:
# stubs.sh kernel.o HOST_OBJECT...
# What is called (a PLT32 relocation) is a function that names itself; all else
# is data, and zero. Needs binutils.
set -eu
kernel=$1
shift

# What the libraries of the link have.
libraries='
^__asan_ ^__ubsan_ ^__sanitizer_ ^__sancov ^__(start|stop)_(__bug_table|__sancov) ^__setup_(start|end)$
^mem(cpy|set|move|cmp|chr)$
^str(len|nlen|cmp|ncmp|cpy|ncpy|chr|rchr|spn|cspn|str|sep)$
^(malloc|calloc|free|aligned_alloc|snprintf|vsnprintf|sprintf|sscanf)$'

wanted=$(nm -u "$kernel" | awk '$1 == "U" { print $2 }' |
	grep -vE "$(echo $libraries | tr ' ' '|')" | sort)
ours=$(nm --defined-only --extern-only "$@" | awk 'NF == 3 { print $3 }' | sort -u)
called=$(objdump -r "$kernel" |
	awk '$2 ~ /PLT32/ { sub(/[-+]0x.*/, "", $3); print $3 }' | sort -u)

{
	echo "$ours" | sed 's/^/ours /'
	echo "$called" | sed 's/^/called /'
	echo "$wanted" | sed 's/^/wanted /'
} | awk '
	BEGIN {
		print "void unimplemented(const char *symbol) " \
			"__attribute__((noreturn));"
	}
	$1 == "ours" { ours[$2] = 1 }
	$1 == "called" { called[$2] = 1 }
	$1 != "wanted" || $2 == "" || $2 in ours { next }
	$2 in called {
		printf "void %s(void) { unimplemented(\"%s\"); }\n", $2, $2
		next
	}
	{ printf "char %s[65536] __attribute__((aligned(4096)));\n", $2 }'
