/* SPDX-License-Identifier: GPL-2.0-only */
#include "review.h"

#include <math.h>

void rate_interval(guint k, guint n, double *ret_low, double *ret_high)
{
	const double z = 1.959964; /* 97.5 % point of the normal distribution */
	double p = n ? (double)k / n : 0, zz = z * z;
	double middle, half;

	*ret_low = 0;
	*ret_high = 1;
	if (!n)
		return;
	middle = (p + zz / (2 * n)) / (1 + zz / n);
	half = z * sqrt(p * (1 - p) / n + zz / (4.0 * n * n)) / (1 + zz / n);
	*ret_low = MAX(0, middle - half);
	*ret_high = MIN(1, middle + half);
}

double rate_luck(guint k, guint n, guint runs)
{
	double low, high;

	if (!k)
		return 1;
	rate_interval(k, n, &low, &high);
	return pow(1 - low, runs);
}

guint rate_runs(guint k, guint n, double luck, guint max)
{
	for (guint runs = 1; runs <= max; runs++) {
		if (rate_luck(k, n, runs) <= luck)
			return runs;
	}
	return 0;
}
