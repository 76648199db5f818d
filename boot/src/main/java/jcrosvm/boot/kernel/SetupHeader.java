package jcrosvm.boot.kernel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** The setup header of a bzImage (Linux, Documentation/arch/x86/boot.rst); offsets are those of the file's start. */
final class SetupHeader {
    static final int START = 0x1f1;
    static final int SECTOR = 512;
    static final long HEADER_MAGIC = 0x5372_6448; // "HdrS"
    static final int BOOT_FLAG_MAGIC = 0xaa55;

    static final int SETUP_SECTS = 0x1f1;
    static final int BOOT_FLAG = 0x1fe;
    static final int JUMP = 0x200;
    static final int HEADER = 0x202;
    static final int VERSION = 0x206;
    static final int TYPE_OF_LOADER = 0x210;
    static final int LOADFLAGS = 0x211;
    static final int CODE32_START = 0x214;
    static final int RAMDISK_IMAGE = 0x218;
    static final int RAMDISK_SIZE = 0x21c;
    static final int HEAP_END_PTR = 0x224;
    static final int CMD_LINE_PTR = 0x228;
    static final int INITRD_ADDR_MAX = 0x22c;
    static final int KERNEL_ALIGNMENT = 0x230;
    static final int RELOCATABLE_KERNEL = 0x234;
    static final int XLOADFLAGS = 0x236;
    static final int CMDLINE_SIZE = 0x238;
    static final int PAYLOAD_OFFSET = 0x248;
    static final int PAYLOAD_LENGTH = 0x24c;
    static final int SETUP_DATA = 0x250;
    static final int PREF_ADDRESS = 0x258;
    static final int INIT_SIZE = 0x260;

    static final int LOADED_HIGH = 1;
    static final int KASLR_FLAG = 2;
    static final int CAN_USE_HEAP = 0x80;
    static final int XLF_KERNEL_64 = 1;
    static final int XLF_CAN_BE_LOADED_ABOVE_4G = 2;

    /** The header cannot be longer: boot_params has other fields from here. */
    private static final int MAX_END = 0x290;

    private final ByteBuffer bytes;

    private SetupHeader(byte[] bytes) {
        this.bytes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The header, or null if the file has none. */
    static @Nullable SetupHeader read(ImageFile image) {
        if (image.size() < MAX_END) {
            return null;
        }
        SetupHeader header = new SetupHeader(image.bytes(0, MAX_END));
        return header.u16(BOOT_FLAG) == BOOT_FLAG_MAGIC && header.u32(HEADER) == HEADER_MAGIC ? header : null;
    }

    int u8(int offset) {
        return bytes.get(offset) & 0xff;
    }

    int u16(int offset) {
        return bytes.getShort(offset) & 0xffff;
    }

    long u32(int offset) {
        return bytes.getInt(offset) & 0xffff_ffffL;
    }

    /** May be negative in a hostile header. */
    long u64(int offset) {
        return bytes.getLong(offset);
    }

    int version() {
        return u16(VERSION);
    }

    /** Position in the file of the protected-mode kernel. */
    long kernelPosition() {
        int sectors = u8(SETUP_SECTS);
        return (long) ((sectors == 0 ? 4 : sectors) + 1) * SECTOR;
    }

    boolean has(int xloadflag) {
        return version() >= 0x20c && (u16(XLOADFLAGS) & xloadflag) != 0;
    }

    boolean relocatable() {
        return version() >= 0x205 && u8(RELOCATABLE_KERNEL) != 0;
    }

    long initrdLast() {
        return version() >= 0x203 ? u32(INITRD_ADDR_MAX) : 0x37ff_ffffL;
    }

    long commandLineLimit() {
        return version() >= 0x206 ? u32(CMDLINE_SIZE) : 255;
    }

    /** Memory that the kernel needs from its run address on, 0 if unknown. */
    long initSize() {
        return version() >= 0x20a ? u32(INIT_SIZE) : 0;
    }

    /** What belongs into boot_params, from {@link #START}. */
    byte[] copy() {
        int end = Math.min(MAX_END, HEADER + u8(JUMP + 1));
        byte[] part = new byte[Math.max(0, end - START)];
        bytes.get(START, part);
        return part;
    }
}
