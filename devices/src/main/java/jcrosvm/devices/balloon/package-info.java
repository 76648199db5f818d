/**
 * The memory balloon (virtio 1.3, 5.5): takes pages from the guest and gives them back to the host, by a target that the
 * control socket sets, or page by page as the guest reports them free.
 *
 * <p>{@link jcrosvm.devices.balloon.BalloonDevice} has the queues, {@code BalloonSize} the target and the requests that wait for it,
 * {@code BalloonStats} the guest's statistics, {@code PageRelease} gives pages to the host.
 */
@NullMarked
package jcrosvm.devices.balloon;

import org.jspecify.annotations.NullMarked;
