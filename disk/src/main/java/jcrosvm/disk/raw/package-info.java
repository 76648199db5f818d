/**
 * Disks that are a plain file or a block device of the host, and what every other format reads and writes through: files
 * with locks, O_DIRECT with buffers that it can take, holes, and errors with their errno.
 */
@NullMarked
package jcrosvm.disk.raw;

import org.jspecify.annotations.NullMarked;
