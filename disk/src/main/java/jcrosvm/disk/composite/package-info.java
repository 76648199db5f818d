/**
 * crosvm's composite disks: a small file that lists other images and where on the disk each begins. Made for disks of
 * several partitions, each an image of its own: then the first and the last part hold a partition table (GPT).
 */
@NullMarked
package jcrosvm.disk.composite;

import org.jspecify.annotations.NullMarked;
