package jcrosvm.virtio;

/** A device's work on one queue. Runs on the thread of its {@link QueueWorker}; in a test, on the test's. */
@FunctionalInterface
public interface QueueHandler {
    /**
     * Processes all available requests. Called after every kick and once at the start; must leave the queue with
     * notifications enabled and empty, or arrange to be called again.
     *
     * @throws DescriptorException when the driver broke the rules; the queue is not worked on any more
     */
    void process(Virtqueue queue);

    /** The work on a queue whose requests are worked on one by one, none of them {@link RequestHandler#LATER}. */
    static QueueHandler forEach(RequestHandler handler) {
        return queue -> queue.forEach(handler);
    }

    /** Completes every request that was taken but not finished. Called before the queue stops. */
    default void drain(Virtqueue queue) {}
}
