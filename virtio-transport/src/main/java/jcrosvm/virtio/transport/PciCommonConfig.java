package jcrosvm.virtio.transport;

import static jcrosvm.virtio.transport.PciSpec.*;

/**
 * The common configuration structure (virtio 1.3, 4.1.4.3). Drivers access fields by their width; any other access works
 * byte by byte where that makes sense, and else reads zero.
 */
final class PciCommonConfig {
    private final DeviceSession session;
    private final PciInterrupt interrupt;
    private int deviceFeatureSelect;
    private int driverFeatureSelect;
    private int queueSelect;

    PciCommonConfig(DeviceSession session, PciInterrupt interrupt) {
        this.session = session;
        this.interrupt = interrupt;
    }

    synchronized long read(int offset, int size) {
        return switch (offset) {
            case DEVICE_FEATURE_SELECT -> deviceFeatureSelect & 0xffffffffL;
            case DEVICE_FEATURE -> session.deviceFeatures(deviceFeatureSelect) & 0xffffffffL;
            case DRIVER_FEATURE_SELECT -> driverFeatureSelect & 0xffffffffL;
            case DRIVER_FEATURE -> session.driverFeatures(driverFeatureSelect) & 0xffffffffL;
            case CONFIG_MSIX_VECTOR -> interrupt.configVector();
            case NUM_QUEUES -> session.queues();
            case DEVICE_STATUS -> session.status();
            case CONFIG_GENERATION -> session.configGeneration() & 0xff;
            case QUEUE_SELECT -> queueSelect;
            case QUEUE_SIZE -> exists() ? session.queueSize(queueSelect) : 0;
            case QUEUE_MSIX_VECTOR -> exists() ? interrupt.vector(queueSelect) : VIRTIO_MSI_NO_VECTOR;
            case QUEUE_ENABLE -> session.isEnabled(queueSelect) ? 1 : 0;
            case QUEUE_NOTIFY_OFF -> exists() ? queueSelect : 0;
            default -> offset >= QUEUE_DESC && offset + size <= COMMON_SIZE ? readAddress(offset, size) : 0;
        };
    }

    private boolean exists() {
        return queueSelect < session.queues();
    }

    private static QueueArea area(int offset) {
        return offset < QUEUE_DRIVER
                ? QueueArea.DESCRIPTORS
                : offset < QUEUE_DEVICE ? QueueArea.DRIVER : QueueArea.DEVICE;
    }

    private long readAddress(int offset, int size) {
        long address = session.address(queueSelect, area(offset));
        int skip = offset & 7;
        return skip + size > 8 ? 0 : address >>> 8 * skip & -1L >>> 64 - 8 * size;
    }

    synchronized void write(int offset, int size, long value) {
        int word = (int) value;
        switch (offset) {
            case DEVICE_FEATURE_SELECT -> deviceFeatureSelect = word;
            case DRIVER_FEATURE_SELECT -> driverFeatureSelect = word;
            case DRIVER_FEATURE -> session.driverFeatures(driverFeatureSelect, word);
            case CONFIG_MSIX_VECTOR -> interrupt.configVector(word & 0xffff);
            case DEVICE_STATUS -> status(word & 0xff);
            case QUEUE_SELECT -> queueSelect = word & 0xffff;
            case QUEUE_SIZE -> session.queueSize(queueSelect, word & 0xffff);
            case QUEUE_MSIX_VECTOR -> {
                if (exists()) {
                    interrupt.vector(queueSelect, word & 0xffff);
                }
            }
            case QUEUE_ENABLE -> {
                if (word == 1) { // a driver must not write anything else
                    session.enable(queueSelect);
                }
            }
            default -> writeAddress(offset, size, value);
        }
    }

    private void status(int value) {
        session.status(value);
        if (value == 0) {
            interrupt.reset();
            select(SelectorsState.NONE);
        }
    }

    synchronized SelectorsState selectors() {
        return new SelectorsState(deviceFeatureSelect, driverFeatureSelect, queueSelect, 0);
    }

    synchronized void select(SelectorsState selectors) {
        deviceFeatureSelect = selectors.deviceFeatures();
        driverFeatureSelect = selectors.driverFeatures();
        queueSelect = selectors.queue();
    }

    private void writeAddress(int offset, int size, long value) {
        if (offset < QUEUE_DESC || offset >= COMMON_SIZE) {
            return;
        }
        QueueArea area = area(offset);
        if (size == 8 && (offset & 7) == 0) {
            session.address(queueSelect, area, value);
        } else if (size == 4 && (offset & 3) == 0) {
            session.address(queueSelect, area, (offset & 4) != 0, (int) value);
        }
    }
}
