package jcrosvm.boot.acpi;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.boot.DeviceNode;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.boot.kernel.ImageFile;
import jcrosvm.memory.GuestMemory;

/** Makes all ACPI tables and puts them from {@link MemoryLayout#ACPI_TABLES} up. */
public final class AcpiTables {
    private static final long ALIGNMENT = 64;
    private static final int RSDP_SIZE = 36;
    private static final int RSDP_REVISION = 2;
    private static final int FACS_SIZE = 64;
    private static final int FACS_VERSION = 2;

    private final GuestMemory memory;
    private final List<Long> listed = new ArrayList<>();
    private long next = MemoryLayout.ACPI_TABLES + ALIGNMENT;

    private AcpiTables(GuestMemory memory) {
        this.memory = memory;
    }

    /**
     * Reads tables of the user.
     *
     * @throws VmmException if one has a wrong length or checksum
     */
    public static List<byte[]> read(List<Path> paths) {
        return paths.stream().map(AcpiTables::read).toList();
    }

    private static byte[] read(Path path) {
        try (ImageFile file = ImageFile.open("ACPI table", path)) {
            if (file.size() < Sdt.HEADER_SIZE || file.size() > Sdt.MAX_SIZE) {
                throw file.bad("%d bytes: a table has at least 36 and must fit below 1 MiB".formatted(file.size()));
            }
            byte[] table = file.bytes(0, (int) file.size());
            long length = ByteBuffer.wrap(table).order(ByteOrder.LITTLE_ENDIAN).getInt(Sdt.LENGTH) & 0xffff_ffffL;
            if (length != table.length) {
                throw file.bad("its header says %d bytes, the file has %d".formatted(length, table.length));
            }
            if (Sdt.checksum(table, 0, table.length) != 0) {
                throw file.bad("wrong checksum: is it a compiled (binary) table?");
            }
            return table;
        }
    }

    /** Whether a table describes the fixed hardware, in place of the generated one. */
    public static boolean isFadt(byte[] table) {
        return Sdt.signature(table).equals(Fadt.SIGNATURE);
    }

    /**
     * Writes all tables.
     *
     * @param user tables of the user, which are appended
     * @return address of the root pointer
     * @throws VmmException if they do not fit
     */
    public static long write(GuestMemory memory, MemoryLayout layout, Hardware hardware, List<byte[]> user) {
        return new AcpiTables(memory).writeAll(layout, hardware, user);
    }

    private long writeAll(MemoryLayout layout, Hardware hardware, List<byte[]> user) {
        long facs = place(facs());
        long dsdt = place(Dsdt.of(layout, hardware));
        // Linux and others expect the FADT first.
        List<byte[]> userFadts = user.stream().filter(AcpiTables::isFadt).toList();
        if (userFadts.isEmpty()) {
            list(Fadt.of(hardware, facs, dsdt));
        }
        userFadts.forEach(this::list);
        list(Madt.of(hardware));
        list(mcfg(layout));
        List<DeviceNode> virtio = hardware.devices(DeviceNode.Kind.VIRTIO_MMIO);
        if (!virtio.isEmpty()) {
            list(VirtioSsdt.of(virtio));
        }
        user.stream().filter(table -> !isFadt(table)).forEach(this::list);
        ByteBuffer root = ByteBuffer.allocate(8 * listed.size()).order(ByteOrder.LITTLE_ENDIAN);
        listed.forEach(root::putLong);
        long xsdt = place(Sdt.of("XSDT", 1, root.array()));
        memory.write(MemoryLayout.ACPI_TABLES, rsdp(xsdt));
        return MemoryLayout.ACPI_TABLES;
    }

    private void list(byte[] table) {
        listed.add(place(table));
    }

    private long place(byte[] table) {
        long address = next;
        if (table.length > MemoryLayout.SMBIOS - address) {
            throw new VmmException("ACPI tables: no room for the %d bytes of table %s below 0x%x"
                    .formatted(table.length, Sdt.signature(table), MemoryLayout.SMBIOS));
        }
        memory.write(address, table);
        next = address + table.length + ALIGNMENT - 1 & -ALIGNMENT;
        return address;
    }

    private static byte[] facs() {
        return ByteBuffer.allocate(FACS_SIZE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(Sdt.ascii("FACS"))
                .putInt(FACS_SIZE)
                .put(32, (byte) FACS_VERSION)
                .array();
    }

    private static byte[] mcfg(MemoryLayout layout) {
        return Sdt.of(
                "MCFG",
                1,
                ByteBuffer.allocate(24)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(0)
                        .putLong(layout.ecam().start())
                        .putShort((short) 0)
                        .put((byte) 0)
                        .put((byte) Dsdt.lastBus(layout))
                        .putInt(0)
                        .array());
    }

    private static byte[] rsdp(long xsdt) {
        byte[] bytes = ByteBuffer.allocate(RSDP_SIZE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(Sdt.ascii("RSD PTR "))
                .put((byte) 0)
                .put(Sdt.ascii(Sdt.oemId()))
                .put((byte) RSDP_REVISION)
                .putInt(0)
                .putInt(RSDP_SIZE)
                .putLong(xsdt)
                .array();
        bytes[8] = Sdt.checksum(bytes, 0, 20);
        bytes[32] = Sdt.checksum(bytes, 0, RSDP_SIZE);
        return bytes;
    }
}
