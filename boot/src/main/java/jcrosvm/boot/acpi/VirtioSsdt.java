package jcrosvm.boot.acpi;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.boot.DeviceNode;
import jcrosvm.boot.acpi.aml.Aml;
import jcrosvm.boot.acpi.aml.Resources;

/** A secondary table that announces virtio devices on no bus, as ACPI's LNRO0005. */
final class VirtioSsdt {
    private static final int REVISION = 2;

    private VirtioSsdt() {}

    static byte[] of(List<DeviceNode> nodes) {
        List<byte[]> all = new ArrayList<>();
        for (int i = 0; i < nodes.size(); i++) {
            DeviceNode node = nodes.get(i);
            all.add(Aml.device(
                    "VR%02X".formatted(i),
                    Aml.name("_HID", Aml.string("LNRO0005")),
                    Aml.name("_UID", Aml.integer(i)),
                    Aml.name("_CCA", Aml.integer(1)),
                    Aml.name(
                            "_CRS",
                            Resources.template(
                                    Resources.memory(node.base(), node.size()),
                                    Resources.levelInterrupt(node.gsi())))));
        }
        return Sdt.of("SSDT", REVISION, Aml.scope("_SB", Aml.list(all)));
    }
}
