package jcrosvm.virtio;

/** What a device has to tell its driver, message by message, in buffers that the driver has given it for that. */
public interface MessageSource {
    /** Whether there is a message. */
    boolean hasMessage();

    /**
     * Takes the next message, or as much of it as the buffer holds.
     *
     * @param buffer to write it to
     * @return bytes written
     */
    int take(Writer buffer);
}
