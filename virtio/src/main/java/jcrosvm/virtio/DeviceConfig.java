package jcrosvm.virtio;

/** The configuration of one device: an immutable record, written by option, file or program alike. */
public interface DeviceConfig {
    /**
     * Checks what can be known without touching the host.
     *
     * @throws jcrosvm.base.VmmException naming the value that cannot be, and what to do
     */
    void validate();

    /**
     * What outside this program writes into the guest's memory for the device, as the user knows it: {@code vhost-net}.
     * Empty for nothing.
     */
    default String foreignWriter() {
        return "";
    }
}
