package jcrosvm.virtio.transport;

import java.util.List;
import jcrosvm.base.Limits;
import jcrosvm.bus.pci.MsixState;

/**
 * The MSI-X vectors of a virtio PCI function.
 *
 * @param queues number of the vector of each queue, 0xffff for none
 * @param config number of the configuration's vector, 0xffff for none
 * @param msix the vectors themselves
 */
public record VectorsState(List<Integer> queues, int config, MsixState msix) {
    public VectorsState {
        queues = List.copyOf(queues);
        int count = msix.table().length / 16;
        require(config, count);
        for (int vector : queues) {
            require(vector, count);
        }
    }

    private static void require(int vector, int count) {
        if (vector != PciSpec.VIRTIO_MSI_NO_VECTOR) {
            Limits.range("an MSI-X vector number", vector, 0, count - 1);
        }
    }
}
