package jcrosvm.boot.table;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import jcrosvm.base.VmmException;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.boot.SmbiosConfig;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** SMBIOS 3.2 tables (DMTF DSP0134), with the 64-bit entry point. */
public final class SmbiosTable {
    private static final int ENTRY_SIZE = 0x18;
    private static final int TABLE = 0x20;
    private static final int MAJOR = 3;
    private static final int MINOR = 2;

    private static final int BIOS_INFORMATION = 0;
    private static final int SYSTEM_INFORMATION = 1;
    private static final int OEM_STRINGS = 11;
    private static final int END = 127;

    private static final long CHARACTERISTICS_PCI = 1 << 7;
    private static final int CHARACTERISTICS_VIRTUAL_MACHINE = 1 << 4;
    private static final int NO_EMBEDDED_CONTROLLER = 0xff;
    private static final int WAKE_UP_POWER_SWITCH = 6;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private int handle;

    private SmbiosTable() {}

    /**
     * Writes the entry point and the structures from {@link MemoryLayout#SMBIOS} up.
     *
     * @throws VmmException if the strings do not fit below 1 MiB
     */
    public static void write(GuestMemory memory, SmbiosConfig config) {
        byte[] table = new SmbiosTable().structures(config);
        long room = MemoryLayout.HIGH_MEMORY - MemoryLayout.SMBIOS - TABLE;
        if (table.length > room) {
            throw new VmmException(
                    "smbios: the strings make %d bytes of tables, at most %d fit".formatted(table.length, room));
        }
        memory.write(MemoryLayout.SMBIOS, entryPoint(table.length));
        memory.write(MemoryLayout.SMBIOS + TABLE, table);
    }

    private static byte[] entryPoint(int length) {
        byte[] bytes = ByteBuffer.allocate(ENTRY_SIZE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put("_SM3_".getBytes(StandardCharsets.US_ASCII))
                .put((byte) 0)
                .put((byte) ENTRY_SIZE)
                .put((byte) MAJOR)
                .put((byte) MINOR)
                .put((byte) 0)
                .put((byte) 1)
                .put((byte) 0)
                .putInt(length)
                .putLong(MemoryLayout.SMBIOS + TABLE)
                .array();
        bytes[5] = MpTable.checksum(bytes, bytes.length);
        return bytes;
    }

    private byte[] structures(SmbiosConfig config) {
        bios(config);
        system(config);
        if (!config.oemStrings().isEmpty()) {
            structure(OEM_STRINGS, new byte[] {(byte) config.oemStrings().size()}, config.oemStrings());
        }
        structure(END, new byte[0], List.of());
        return out.toByteArray();
    }

    private void bios(SmbiosConfig config) {
        ByteBuffer body = ByteBuffer.allocate(0x1a - 4).order(ByteOrder.LITTLE_ENDIAN);
        body.put((byte) 1).put((byte) 2).putShort((short) 0).put((byte) 3).put((byte) 0);
        body.putLong(CHARACTERISTICS_PCI);
        body.put((byte) 0).put((byte) CHARACTERISTICS_VIRTUAL_MACHINE);
        body.put((byte) 0).put((byte) 0);
        body.put((byte) NO_EMBEDDED_CONTROLLER).put((byte) NO_EMBEDDED_CONTROLLER);
        String vendor = or(config.biosVendor(), "jcrosvm");
        structure(BIOS_INFORMATION, body.array(), List.of(vendor, or(config.biosVersion(), "0"), "01/01/2026"));
    }

    private void system(SmbiosConfig config) {
        List<String> strings = new ArrayList<>();
        strings.add(or(config.manufacturer(), "jcrosvm"));
        strings.add(or(config.productName(), "jcrosvm"));
        String serial = config.serialNumber();
        ByteBuffer body = ByteBuffer.allocate(0x1b - 4).order(ByteOrder.LITTLE_ENDIAN);
        body.put((byte) 1).put((byte) 2).put((byte) 0);
        if (serial != null && !serial.isEmpty()) {
            strings.add(serial);
            body.put((byte) 3);
        } else {
            body.put((byte) 0);
        }
        UUID uuid = config.parsedUuid();
        long high = uuid.getMostSignificantBits();
        // The first three fields are little-endian, 7.2.1.
        body.putInt((int) (high >>> 32)).putShort((short) (high >>> 16)).putShort((short) high);
        body.order(ByteOrder.BIG_ENDIAN).putLong(uuid.getLeastSignificantBits());
        body.put((byte) WAKE_UP_POWER_SWITCH).put((byte) 0).put((byte) 0);
        structure(SYSTEM_INFORMATION, body.array(), strings);
    }

    /** An empty string would end the list of strings. */
    private static String or(@Nullable String value, String otherwise) {
        return value == null || value.isEmpty() ? otherwise : value;
    }

    private void structure(int type, byte[] body, List<String> strings) {
        out.write(type);
        out.write(4 + body.length);
        out.write(handle & 0xff);
        out.write(handle >> 8);
        handle++;
        out.writeBytes(body);
        for (String string : strings) {
            out.writeBytes((string.isEmpty() ? " " : string).getBytes(StandardCharsets.UTF_8));
            out.write(0);
        }
        if (strings.isEmpty()) {
            out.write(0);
        }
        out.write(0);
    }
}
