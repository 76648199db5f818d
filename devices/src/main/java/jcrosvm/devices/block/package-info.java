/**
 * The block device (virtio 1.3, 5.2): a disk image as the guest's {@code /dev/vda} and following.
 *
 * <p>{@link jcrosvm.devices.block.BlockConfig} is what a user writes; a BlockDevice has one BlockQueue for each queue of
 * the driver, which parses requests, lets a Throttle delay them, and carries them out on the calling thread or through
 * io_uring. Data goes between the file and guest RAM without a copy.
 */
@NullMarked
package jcrosvm.devices.block;

import org.jspecify.annotations.NullMarked;
