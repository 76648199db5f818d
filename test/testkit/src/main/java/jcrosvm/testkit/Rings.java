package jcrosvm.testkit;

import static jcrosvm.virtio.VirtioFeatures.*;

import java.util.ArrayList;
import java.util.List;

/** The combinations of features that rings work differently with. */
public enum Rings {
    SPLIT(0),
    SPLIT_EVENT(VIRTIO_F_EVENT_IDX),
    SPLIT_INDIRECT(VIRTIO_F_INDIRECT_DESC),
    SPLIT_EVENT_INDIRECT(VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC),
    PACKED(VIRTIO_F_RING_PACKED),
    PACKED_EVENT(VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX),
    PACKED_INDIRECT(VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT_DESC),
    PACKED_EVENT_INDIRECT(VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);

    public final long features;

    Rings(long features) {
        this.features = VIRTIO_F_VERSION_1 | features;
    }

    public boolean packed() {
        return (features & VIRTIO_F_RING_PACKED) != 0;
    }

    public boolean indirect() {
        return (features & VIRTIO_F_INDIRECT_DESC) != 0;
    }

    public List<Integer> sizes() {
        List<Integer> sizes = new ArrayList<>(List.of(1, 2, 8, 256));
        if (packed()) {
            sizes.addAll(List.of(3, 7, 100));
        }
        return sizes;
    }
}
