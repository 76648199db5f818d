/**
 * Disks compressed in Zstandard's seekable format: frames that are complete by themselves, with a table of their sizes
 * in a skippable frame at the end (zstd, contrib/seekable_format). They can only be read.
 */
@NullMarked
package jcrosvm.disk.zstd;

import org.jspecify.annotations.NullMarked;
