/* SPDX-License-Identifier: GPL-2.0-only */
#include "cover/points.h"

#include <errno.h>
#include <string.h>

static bool fn_is_good(
	const struct points *points, uint32_t i, uint32_t names_len)
{
	const struct point_fn *fn = &points->fn[i];

	return fn->name < names_len && fn->nr && fn->first < points->nr_sites &&
	       fn->nr <= points->nr_sites - fn->first;
}

uint32_t points_owner(const struct points *points, uint32_t site)
{
	return points->site_fn[site] & ~(POINT_EDGE | POINT_GONE);
}

bool points_is_edge(const struct points *points, uint32_t site)
{
	return points->site_fn[site] & POINT_EDGE;
}

int points_open(
	const void *bytes, size_t len, struct points *ret, struct why *why)
{
	const struct points_head *head = bytes;
	struct points points;
	uint64_t want;

	if (len < sizeof(*head) || head->magic != POINTS_MAGIC)
		return why_set(why, -EBADMSG, "no table of points");
	want = sizeof(*head) + (uint64_t)head->nr_fns * sizeof(*points.fn) +
	       (uint64_t)head->nr_sites *
		       (sizeof(uint64_t) + sizeof(uint32_t)) +
	       head->names_len;
	if (want != len || !head->names_len)
		return why_set(why, -EBADMSG,
			"a table of points of %zu bytes, want %llu", len,
			(unsigned long long)want);
	points.nr_fns = head->nr_fns;
	points.nr_sites = head->nr_sites;
	points.fn = (const struct point_fn *)(head + 1);
	points.site = (const uint64_t *)(points.fn + points.nr_fns);
	points.site_fn = (const uint32_t *)(points.site + points.nr_sites);
	points.names = (const char *)(points.site_fn + points.nr_sites);
	if (points.names[head->names_len - 1])
		return why_set(why, -EBADMSG, "points: names without end");
	for (uint32_t i = 0; i < points.nr_fns; i++)
		if (!fn_is_good(&points, i, head->names_len))
			return why_set(why, -EBADMSG, "points: function %u", i);
	for (uint32_t i = 0; i < points.nr_sites; i++)
		if (points_owner(&points, i) >= points.nr_fns)
			return why_set(why, -EBADMSG, "points: site %u", i);
	*ret = points;
	return 0;
}

const char *points_name(const struct points *points, uint32_t fn)
{
	return points->names + points->fn[fn].name;
}

bool points_say(const struct points *points, uint32_t site, char *symbol,
	size_t size, uint32_t *ret_offset)
{
	uint32_t fn = points_owner(points, site);
	size_t len = strlen(points_name(points, fn));

	if (len >= size)
		return false;
	memcpy(symbol, points_name(points, fn), len + 1);
	*ret_offset = (uint32_t)(points->site[site] - points->fn[fn].addr);
	return true;
}

/* Is @full the name of @name or of a clone of it? */
static bool is_clone(const char *full, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(full, name, len) &&
	       (full[len] == '\0' || full[len] == '.');
}

int points_find(const struct points *points, const char *name)
{
	uint32_t low = 0, high = points->nr_fns;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (strcmp(points_name(points, mid), name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	/* '.' sorts before every other character of a name */
	if (low < points->nr_fns && is_clone(points_name(points, low), name))
		return (int)low;
	return -ENOENT;
}

/* Functions whose windows matter here: the anonymous rmap and who walks, moves,
 * copies or frees what it knows. */
static bool fn_matters(const char *name)
{
	static const char *const words[] = {"anon", "rmap", "migrat", "unmap",
		"shrink", "reclaim", "huge", "thp", "ksm", "swap", "remap",
		"move_", "vma", "fork", "dup_", "copy_p", "zap", "wp_", "cow",
		"collapse", "split", "merge", "fault", "evict", "mapped_walk",
		"free_pg", "isolate", "deferred"};

	for (uint32_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

uint32_t points_weight(const struct points *points, uint32_t site)
{
	uint32_t fn = points_owner(points, site);
	uint32_t weight = fn_matters(points_name(points, fn)) ? 6 : 1;

	return points_is_edge(points, site) ? 2 * weight : weight;
}

bool points_is_entry(const struct points *points, uint32_t site)
{
	uint32_t fn = points_owner(points, site);

	return points->fn[fn].first == site &&
	       fn_matters(points_name(points, fn));
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a < b ? b - a : a - b;
}

int points_resolve(const struct points *points, const char *name,
	uint32_t offset, uint64_t *ret_pc)
{
	int found = points_find(points, name);
	const struct point_fn *fn;
	uint64_t want, best = 0;

	if (found < 0)
		return found;
	fn = &points->fn[found];
	want = offset ? fn->addr + offset : points->site[fn->first];
	for (uint32_t i = fn->first; i < fn->first + fn->nr; i++) {
		if (points->site_fn[i] & POINT_GONE)
			continue;
		if (!best ||
			distance(points->site[i], want) < distance(best, want))
			best = points->site[i];
	}
	if (!best)
		return -ENOENT;
	*ret_pc = best;
	return best != want;
}

int points_site(const struct points *points, uint64_t pc)
{
	uint32_t low = 0, high = points->nr_sites;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (points->site[mid] < pc)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < points->nr_sites && points->site[low] == pc)
		return (int)low;
	return -ENOENT;
}
