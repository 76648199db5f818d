package jcrosvm.e2e;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * Linux programs of an ordinary user that run much code once: they fill memory with a pattern that falls through, call
 * it, and do the same again.
 */
enum ManyBlocks {
    /** jmp to the next instruction. */
    JUMPS("eb00"),
    /** jnz to the next instruction. */
    BRANCHES("7500"),
    /** je to the next instruction, taken. */
    TAKEN_BRANCHES("7400"),
    /** fwait, which no translator is needed for. */
    WAITS("9b"),
    /** lfence; nop. */
    FENCES("0faee890"),
    /** In each page a jmp to the next page. */
    PAGES("e9fb0f0000");

    private static final int PAGE = 4096;
    private static final long ADDRESS = 0x400000;
    private static final int HEADER = 64;
    private static final int PROGRAM_HEADER = 56;
    private static final int NOBODY = 65534;
    private static final int SETUID = 105;
    private static final int MMAP = 9;
    private static final int EXIT_GROUP = 231;
    private static final int CODE_SIZE = 256;

    private final byte[] unit;

    ManyBlocks(String hex) {
        byte[] code = HexFormat.of().parseHex(hex);
        unit = Arrays.copyOf(code, code.length > 4 ? PAGE : code.length);
    }

    /**
     * A static ELF program, which ends with 0 unless it dies.
     *
     * @param bytes of the pattern, a multiple of a page
     * @param rounds how often it is written and run
     */
    byte[] program(int bytes, int rounds) {
        int start = HEADER + PROGRAM_HEADER;
        ByteBuffer elf = ByteBuffer.allocate(start + CODE_SIZE + unit.length).order(ByteOrder.LITTLE_ENDIAN);
        elf.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1}).position(16); // 64-bit, little endian
        elf.putShort((short) 2).putShort((short) 62).putInt(1); // executable for x86-64
        elf.putLong(ADDRESS + start).putLong(HEADER).putLong(0).putInt(0);
        elf.putShort((short) HEADER).putShort((short) PROGRAM_HEADER).putShort((short) 1);
        elf.position(HEADER).putInt(1).putInt(5); // loaded, readable and executable
        elf.putLong(0).putLong(ADDRESS).putLong(ADDRESS);
        elf.putLong(elf.capacity()).putLong(elf.capacity()).putLong(PAGE);
        code(elf.position(start), bytes, rounds);
        elf.position(start + CODE_SIZE).put(unit);
        return elf.array();
    }

    private void code(ByteBuffer to, int bytes, int rounds) {
        int pattern = to.position() + CODE_SIZE;
        hex(to, "bf").putInt(NOBODY); // mov edi, NOBODY
        systemCall(to, SETUID);
        hex(to, "31ff be").putInt(bytes + PAGE); // xor edi, edi; mov esi, size
        hex(to, "ba").putInt(7); // mov edx, PROT_READ | PROT_WRITE | PROT_EXEC
        hex(to, "41ba").putInt(0x22); // mov r10d, MAP_PRIVATE | MAP_ANONYMOUS
        hex(to, "49c7c0ffffffff 4531c9"); // mov r8, -1; xor r9d, r9d
        systemCall(to, MMAP);
        hex(to, "4889c3 bd").putInt(rounds); // mov rbx, rax; mov ebp, rounds
        int round = to.position();
        hex(to, "488d35").putInt(pattern - (to.position() + 4)); // lea rsi, [rip + pattern]
        hex(to, "4889df b9").putInt(unit.length); // mov rdi, rbx; mov ecx, length
        hex(to, "f3a4 4889de b9").putInt(bytes - unit.length); // rep movsb; mov rsi, rbx; mov ecx, the rest
        hex(to, "f3a4 c607c3"); // rep movsb, which repeats what it has just written; mov byte [rdi], ret
        hex(to, "31c0 ffd3"); // xor eax, eax; call rbx
        hex(to, "ffcd 0f85").putInt(round - (to.position() + 4)); // dec ebp; jnz round
        hex(to, "31ff"); // xor edi, edi
        systemCall(to, EXIT_GROUP);
    }

    private static void systemCall(ByteBuffer to, int number) {
        hex(to, "b8").putInt(number); // mov eax, number
        hex(to, "0f05");
    }

    private static ByteBuffer hex(ByteBuffer to, String bytes) {
        return to.put(HexFormat.of().parseHex(bytes.replace(" ", "")));
    }
}
