#!/bin/sh
# probes.h, on stdout, from the list of probes: probes.sh PROBES FLAG...
# Runs where the flags mean something: in the folder of the kernel's objects.
set -u
list=$1
shift

grep -v '^#' "$list" | while read -r name header declaration; do
	printf '#include <%s>\n%s;\n' "$header" "$declaration" |
		clang "$@" -w -fsyntax-only -x c - 2>/dev/null </dev/stdin &&
		echo "#define HAVE_$name"
done
exit 0
