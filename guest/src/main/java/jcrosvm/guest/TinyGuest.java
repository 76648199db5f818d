package jcrosvm.guest;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Guests of a few instructions, as ELF images with a PVH entry (32-bit protected mode, no paging) or as a ROM. */
public final class TinyGuest {
    /** Written to COM1 first; no firmware prints it. */
    public static final int STARTED = 1;

    /** Written to COM1 when the work is done. */
    public static final int DONE = 2;

    /** A write here ends the VM: {@code --debug-exit}, {@code isa-debug-exit}. */
    public static final int DEBUG_EXIT = 0xf4;

    /** A port that none of the machines has a device at. */
    private static final int PORT = 0x80;

    private static final int COM1 = 0x3f8;
    private static final int SLP_EN = 1 << 13;

    private static final int LOAD_ADDRESS = 0x10_0000;
    private static final int HEADER = 64;
    private static final int PROGRAM_HEADER = 56;
    private static final int NOTE = HEADER + 2 * PROGRAM_HEADER;
    private static final int NOTE_SIZE = 12 + 4 + 4;
    private static final int CODE = 256;
    private static final int ELF_SIZE = 512;
    private static final short PT_LOAD = 1;
    private static final short PT_NOTE = 4;
    private static final short EM_X86_64 = 62;
    private static final int XEN_ELFNOTE_PHYS32_ENTRY = 18;

    private static final int ROM_SIZE = 64 << 10;
    private static final int ROM_CODE = 0xff00;
    private static final int RESET_VECTOR = 0xfff0;

    private TinyGuest() {}

    /** Says that it started, and ends. */
    public static byte[] firstByte() {
        ByteBuffer code = begin();
        say(code, STARTED);
        return elf(end(code));
    }

    /**
     * Prints a line and powers off by ACPI.
     *
     * @param text ASCII, with its line end
     * @param sleepPort the PM1a control register, where a zero SLP_TYP means S5
     */
    public static byte[] greeting(String text, int sleepPort) {
        ByteBuffer code = begin();
        for (byte c : text.getBytes(StandardCharsets.US_ASCII)) {
            say(code, c);
        }
        bytes(code, 0x66, 0xba).putShort((short) sleepPort); // mov dx, port
        bytes(code, 0x66, 0xb8).putShort((short) SLP_EN); // mov ax, SLP_EN
        bytes(code, 0x66, 0xef); // out dx, ax
        return elf(bytes(code, 0xf4, 0xeb, 0xfd)); // hlt; jmp to the hlt
    }

    /** Says that it started, and halts for good. */
    public static byte[] halted() {
        ByteBuffer code = begin();
        say(code, STARTED);
        return elf(bytes(code, 0xfa, 0xf4, 0xeb, 0xfd)); // cli; hlt; jmp to the hlt
    }

    /** Writes to a port without a device, so many times between the two marks. */
    public static byte[] portWrites(int count) {
        ByteBuffer code = begin();
        say(code, STARTED);
        bytes(code, 0xb9).putInt(count); // mov ecx, count
        bytes(code, 0x66, 0xba).putShort((short) PORT); // mov dx, port
        bytes(code, 0xee, 0x49, 0x75, 0xfc); // out dx, al; dec ecx; jnz to the out
        say(code, DONE);
        return elf(end(code));
    }

    /**
     * Stores to memory without RAM or device, so many times between the two marks.
     *
     * @param address guest physical address of the hole
     */
    public static byte[] memoryWrites(int count, int address) {
        ByteBuffer code = begin();
        say(code, STARTED);
        bytes(code, 0xb9).putInt(count); // mov ecx, count
        bytes(code, 0xbb).putInt(address); // mov ebx, address
        bytes(code, 0x88, 0x03, 0x49, 0x75, 0xfb); // mov [ebx], al; dec ecx; jnz to the mov
        say(code, DONE);
        return elf(end(code));
    }

    /** As {@link #firstByte}, as a ROM that the processor starts in after reset: no loader, no firmware. */
    public static byte[] firstByteRom() {
        ByteBuffer rom = ByteBuffer.allocate(ROM_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        rom.position(ROM_CODE);
        bytes(rom, 0xba).putShort((short) COM1); // mov dx, COM1
        bytes(rom, 0xb0, STARTED, 0xee); // mov al, STARTED; out dx, al
        end(rom);
        rom.position(RESET_VECTOR);
        bytes(rom, 0xe9).putShort((short) (ROM_CODE - (RESET_VECTOR + 3))); // jmp
        return rom.array();
    }

    private static ByteBuffer begin() {
        return ByteBuffer.allocate(ELF_SIZE).order(ByteOrder.LITTLE_ENDIAN).position(CODE);
    }

    private static void say(ByteBuffer code, int value) {
        bytes(code, 0x66, 0xba).putShort((short) COM1); // mov dx, COM1
        bytes(code, 0xb0, value, 0xee); // mov al, value; out dx, al
    }

    private static ByteBuffer end(ByteBuffer code) {
        return bytes(code, 0x30, 0xc0, 0xe6, DEBUG_EXIT, 0xfa, 0xf4, 0xeb, 0xfd); // xor al, al; out; cli; hlt; jmp
    }

    private static ByteBuffer bytes(ByteBuffer to, int... values) {
        for (int value : values) {
            to.put((byte) value);
        }
        return to;
    }

    private static byte[] elf(ByteBuffer image) {
        image.position(0);
        image.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}); // 64-bit, little endian
        image.position(16);
        image.putShort((short) 2).putShort(EM_X86_64).putInt(1); // executable
        image.putLong(LOAD_ADDRESS + CODE).putLong(HEADER).putLong(0).putInt(0);
        image.putShort((short) HEADER).putShort((short) PROGRAM_HEADER).putShort((short) 2);
        programHeader(image.position(HEADER), PT_LOAD, 0, ELF_SIZE);
        programHeader(image, PT_NOTE, NOTE, NOTE_SIZE);
        image.position(NOTE).putInt(4).putInt(4).putInt(XEN_ELFNOTE_PHYS32_ENTRY);
        image.put("Xen\0".getBytes(StandardCharsets.US_ASCII)).putInt(LOAD_ADDRESS + CODE);
        byte[] all = new byte[ELF_SIZE];
        image.get(0, all);
        return all;
    }

    private static void programHeader(ByteBuffer image, int type, int offset, int size) {
        image.putInt(type).putInt(7); // readable, writable, executable
        image.putLong(offset).putLong(LOAD_ADDRESS + offset).putLong(LOAD_ADDRESS + offset);
        image.putLong(size).putLong(size).putLong(4);
    }
}
