/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uffd: what the headers that we build with may lack of the kernel's interface.
 * Source: include/uapi/linux/userfaultfd.h (v6.12), ioctl_userfaultfd(2).
 */
#ifndef RMAPTORTURE_GUEST_UFFD_H
#define RMAPTORTURE_GUEST_UFFD_H

#include <linux/userfaultfd.h>

#ifndef UFFD_FEATURE_WP_ASYNC /* Linux 6.7 */
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

#ifndef UFFDIO_MOVE /* Linux 6.8 */
struct uffdio_move {
	__u64 dst, src, len, mode;
	__s64 move; /* out: bytes, or negative errno */
};
#define UFFDIO_MOVE			 _IOWR(UFFDIO, 0x05, struct uffdio_move)
#define UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES (1ull << 1)
#define UFFD_FEATURE_MOVE		 (1 << 16)
#endif

#endif
