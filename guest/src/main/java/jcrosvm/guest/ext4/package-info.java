/**
 * Writes ext4 file systems into image files, without mounting them and so without privileges.
 *
 * <p>{@link jcrosvm.guest.ext4.Ext4Image} takes members by path, streams the content of files straight to their blocks and
 * writes what describes them at the end. What it writes is what mke2fs would make of the same tree, with few features:
 * extents, a journal, 256-byte inodes; no checksums, no hashed directories (Linux makes those as directories grow). The
 * layout follows "ext4 Data Structures and Algorithms" in the documentation of Linux.
 */
@NullMarked
package jcrosvm.guest.ext4;

import org.jspecify.annotations.NullMarked;
