package jcrosvm.virtio;

/** What a device does with one request of a queue. */
@FunctionalInterface
public interface RequestHandler {
    /** The request cannot be worked on now, and nothing of it has been: it goes back into the ring. */
    long LATER = -1;

    /** The handler keeps the request, and completes it at another time. */
    long KEPT = -2;

    /**
     * Works on a request.
     *
     * @return bytes written to the front of its writable part, {@link #LATER} or {@link #KEPT}
     * @throws DescriptorException when the driver broke the rules; the queue is not worked on any more
     */
    long handle(DescriptorChain chain);
}
