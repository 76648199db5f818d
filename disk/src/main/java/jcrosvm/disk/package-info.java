/** Disk images: what a block device reads and writes, whatever the format of the file behind it. */
@NullMarked
package jcrosvm.disk;

import org.jspecify.annotations.NullMarked;
