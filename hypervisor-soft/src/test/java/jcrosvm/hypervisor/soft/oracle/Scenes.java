package jcrosvm.hypervisor.soft.oracle;

/** Random scenes of what the system instructions do, by theme. */
final class Scenes extends RandomMachine {
    Scenes(long seed) {
        super(seed);
    }

    private void operandSize(Scene scene) {
        if (chance(20)) {
            scene.code(0x66);
        } else if (scene.mode == Scene.Mode.LONG && chance(50)) {
            scene.code(0x48);
        }
    }

    /** MOV, POP, LFS, LGS, LSS to segment registers. */
    Scene segmentLoad() {
        Scene scene = any(Scene.Mode.PROTECTED, Scene.Mode.COMPATIBILITY, Scene.Mode.LONG, Scene.Mode.REAL);
        scene.gpr[0] = selector();
        switch (random.nextInt(4)) {
            case 0 -> scene.code(0x8e, 0xc0 | random.nextInt(8) << 3);
            case 1 -> {
                operandSize(scene);
                scene.put(scene.gpr[4], 8, selector());
                scene.code(0x0f, pick(0xa1, 0xa9));
            }
            case 2 -> {
                operandSize(scene);
                scene.put(scene.gpr[4], 8, random.nextLong());
                scene.put(scene.gpr[4] + 2, 2, selector());
                scene.put(scene.gpr[4] + 4, 2, selector());
                scene.put(scene.gpr[4] + 8, 2, selector());
                scene.gpr[3] = scene.gpr[4];
                scene.code(0x0f, pick(0xb2, 0xb4, 0xb5), scene.mode == Scene.Mode.REAL ? 7 : 3);
            }
            default -> {
                // mov es, ax; mov ax, es; then what the segment allows
                scene.code(0x8e, 0xc0, 0x66, 0x8c, 0xc1, 0x8c, 0xc2);
            }
        }
        return scene;
    }

    /** LAR, LSL, VERR, VERW, ARPL. */
    Scene query() {
        Scene scene = any(Scene.Mode.PROTECTED, Scene.Mode.COMPATIBILITY, Scene.Mode.LONG);
        scene.gpr[0] = scene.gpr[0] & ~0xffffL | selector();
        for (int i = 0; i < 3; i++) {
            operandSize(scene);
            switch (random.nextInt(5)) {
                case 0 -> scene.code(0x0f, 2, 0xc8); // lar ecx, eax
                case 1 -> scene.code(0x0f, 3, 0xd0); // lsl edx, eax
                case 2 -> scene.code(0x0f, 0, 0xe0);
                case 3 -> scene.code(0x0f, 0, 0xe8);
                default -> scene.code(0x63, 0xc8); // arpl ax, cx; movsxd in 64-bit mode
            }
        }
        return scene;
    }

    /** JMP, CALL and RET far. */
    Scene far() {
        Scene scene = any(Scene.Mode.PROTECTED, Scene.Mode.COMPATIBILITY, Scene.Mode.LONG, Scene.Mode.REAL);
        boolean real = scene.mode == Scene.Mode.REAL;
        int selector = real ? 0x3000 + random.nextInt(0x100) : selector();
        long target = real ? 4 * random.nextInt(0x2000) : target();
        scene.gpr[3] = 0x9000;
        if (chance(20)) {
            int slot = scene.cpl == 3 ? pick(0xa, 0xc) : 0xa;
            scene.gpr[4] = scene.gpr[4] & ~0xfffL | slot;
        }
        switch (random.nextInt(3)) {
            case 0 -> {
                int modrm = real ? 7 : 3;
                boolean narrow = chance(20);
                boolean wide = !narrow && scene.mode == Scene.Mode.LONG && chance(30);
                if (narrow) {
                    scene.code(0x66);
                } else if (wide) {
                    scene.code(0x48);
                }
                int size = real != narrow ? 2 : wide ? 8 : 4;
                scene.put(0x9000, size, target);
                scene.put(0x9000 + size, 2, selector);
                scene.code(0xff, modrm | (chance(50) ? 3 << 3 : 5 << 3));
            }
            case 1 -> {
                boolean narrow = chance(20);
                if (narrow) {
                    scene.code(0x66);
                }
                scene.code(chance(50) ? 0x9a : 0xea);
                int size = real != narrow ? 2 : 4;
                for (int i = 0; i < size; i++) {
                    scene.code((int) (target >> 8 * i) & 0xff);
                }
                scene.code(selector & 0xff, selector >> 8);
            }
            default -> {
                boolean narrow = chance(20);
                boolean wide = !narrow && scene.mode == Scene.Mode.LONG && chance(60);
                if (narrow) {
                    scene.code(0x66);
                } else if (wide) {
                    scene.code(0x48);
                }
                int size = real != narrow ? 2 : wide ? 8 : 4;
                int release = chance(50) ? 0 : 4 * random.nextInt(8);
                frame(scene, size, target, selector, release);
                if (release == 0) {
                    scene.code(0xcb);
                } else {
                    scene.code(0xca, release, 0);
                }
            }
        }
        return scene;
    }

    private void frame(Scene scene, int size, long target, int selector, int gap) {
        long at = scene.gpr[4];
        scene.put(at, size, target);
        scene.put(at + size, size, selector);
        scene.put(at + 2L * size + gap, size, Scene.OUTER_STACK - 0x100);
        scene.put(at + 3L * size + gap, size, stackSelector(selector));
    }

    private int stackSelector(int codeSelector) {
        if (chance(50)) {
            return (codeSelector & 3) == 3 ? Scene.USER_DATA32 : Scene.DATA32;
        }
        return chance(50) ? selector() & ~3 | codeSelector & 3 : selector();
    }

    /** IRET. */
    Scene interruptReturn() {
        Scene scene = any(Scene.Mode.PROTECTED, Scene.Mode.COMPATIBILITY, Scene.Mode.LONG, Scene.Mode.REAL);
        boolean real = scene.mode == Scene.Mode.REAL;
        int selector = real ? 0x3000 + random.nextInt(0x100) : selector();
        long target = real ? 4 * random.nextInt(0x2000) : target();
        boolean narrow = chance(20);
        boolean wide = !narrow && scene.mode == Scene.Mode.LONG && chance(80);
        if (narrow) {
            scene.code(0x66);
        } else if (wide) {
            scene.code(0x48);
        }
        int size = real != narrow ? 2 : wide ? 8 : 4;
        if (scene.mode == Scene.Mode.PROTECTED && chance(30) || scene.mode.longMode() && chance(3)) {
            scene.flags |= 1 << 14; // nested task
        }
        long at = scene.gpr[4];
        scene.put(at, size, target);
        scene.put(at + size, size, selector);
        scene.put(at + 2L * size, size, (random.nextInt() & 0x24_4cd5 | 0x3002) & (real ? 0xffff : -1));
        scene.put(at + 3L * size, size, Scene.OUTER_STACK - 0x100);
        scene.put(at + 4L * size, size, stackSelector(selector));
        scene.code(0xcf);
        return scene;
    }

    /** INT n and exceptions through random gates. */
    Scene gate() {
        Scene scene = any(
                Scene.Mode.PROTECTED,
                Scene.Mode.COMPATIBILITY,
                Scene.Mode.LONG,
                Scene.Mode.REAL,
                Scene.Mode.VIRTUAL_8086);
        int[] accesses = {0x8e, 0xee, 0x8f, 0xef, 0x86, 0xe7, 0xe5, 0x0e, 0x6e, 0x8c};
        int access = chance(95) ? pick(accesses) : random.nextInt(256);
        int selector = chance(40) ? (scene.mode.longMode() ? Scene.CODE64 : Scene.CODE32) : selector();
        int stack = scene.mode.longMode() && chance(40) ? random.nextInt(3) : 0;
        int vector;
        switch (random.nextInt(4)) {
            case 0 -> {
                vector = 0x40;
                scene.code(0xcd, 0x40);
            }
            case 1 -> {
                vector = 3;
                scene.code(0xcc);
            }
            case 2 -> {
                vector = 6;
                scene.code(0x0f, 0x0b);
            }
            default -> {
                vector = 13;
                scene.code(scene.mode.descriptors() ? 0x8e : 0xcd, scene.mode.descriptors() ? 0xd8 : 13);
                scene.gpr[0] = 0xfff8;
            }
        }
        scene.gate(vector, selector, target(), access, stack);
        if (chance(15)) {
            scene.put(Scene.TSS + 4, 8, chance(50) ? 0x8000_0000_0000L : random.nextLong());
        }
        if (chance(20)) {
            scene.gpr[4] += random.nextInt(16);
        }
        return scene;
    }

    /** LLDT, LTR, SLDT, STR, LGDT, SIDT and so on. */
    Scene tables() {
        Scene scene = any(Scene.Mode.PROTECTED, Scene.Mode.COMPATIBILITY, Scene.Mode.LONG);
        scene.gpr[0] = selector() & (chance(80) ? ~7 : -1);
        scene.gpr[3] = 0x9000;
        long low = random.nextLong();
        long high = chance(70) ? 0 : random.nextLong();
        scene.put(0x9000, 8, low);
        scene.put(0x9008, 8, high);
        switch (random.nextInt(6)) {
            case 0 -> {
                wholeDescriptor(scene);
                scene.code(0x0f, 0, 0xd0);
            }
            case 1 -> {
                scene.gpr[0] &= ~4;
                wholeDescriptor(scene);
                scene.code(0x0f, 0, 0xd8);
            }
            case 2 -> {
                operandSize(scene);
                scene.code(0x0f, 0, 0xc1, 0x0f, 0, 0xca); // sldt ecx; str edx
            }
            case 3 -> scene.code(0x0f, 1, 3, 0x0f, 1, 0x4b, 0x20); // sgdt [rbx]; sidt [rbx+20h]
            case 4 -> {
                operandSize(scene);
                scene.code(0x0f, 1, 0x53, 0); // lgdt [rbx]
                scene.tableBase = scene.mode == Scene.Mode.LONG ? low >>> 16 | high << 48 : 0;
            }
            default -> {
                operandSize(scene);
                scene.code(0x0f, 1, 0xe1, 0x0f, 1, 0x63, 0x30); // smsw ecx; smsw [rbx+30h]
            }
        }
        return scene;
    }

    /** Makes what rAX selects 16 bytes long, all in the table, and no 16-bit TSS: KVM's emulator checks none of it. */
    private static void wholeDescriptor(Scene scene) {
        if (scene.mode.longMode() && (scene.gpr[0] & 0xfffc) == (Scene.GDT_ENTRIES - 1) << 3) {
            scene.gpr[0] -= 8;
        }
        int index = (int) scene.gpr[0] >> 3 & Scene.GDT_ENTRIES - 1;
        if (scene.mode.longMode() && index < Scene.GDT_ENTRIES - 1 && (scene.gdt[index] >> 40 & 0x1d) == 1) {
            scene.gdt[index] |= 8L << 40;
        }
        if (scene.mode.longMode() && index >= Scene.FIRST_FREE >> 3 && index < Scene.GDT_ENTRIES - 1) {
            scene.gdt[index + 1] = 0;
        }
    }

    /** MOV to and from control and debug registers, LMSW. */
    Scene control() {
        Scene scene = any(Scene.Mode.PROTECTED, Scene.Mode.COMPATIBILITY, Scene.Mode.LONG, Scene.Mode.REAL);
        switch (random.nextInt(5)) {
            case 0 -> {
                // Paging outside long mode would need other tables.
                int bits = scene.mode.longMode() ? 32 : 31;
                scene.gpr[0] = scene.cr0 ^ (chance(50) ? 1L << random.nextInt(bits) : random.nextInt() & 0x6005_003eL);
                scene.code(0x0f, 0x22, 0xc0);
            }
            case 1 -> {
                // Bits of the address would lead elsewhere.
                int bit = random.nextInt(36);
                scene.gpr[0] = Scene.PML4 | (chance(50) ? 1L << (bit < 12 ? bit : bit + 28) : random.nextInt() & 0xfff);
                scene.code(0x0f, 0x22, 0xd8);
            }
            case 2 -> {
                // Not VME, PVI and PCIDE, which a nested KVM decides for itself.
                long bits = chance(50) ? 1L << random.nextInt(22) : random.nextInt() & 0x35_07fcL;
                scene.gpr[0] = scene.cr4 ^ bits & ~0x2_0003L;
                scene.code(0x0f, 0x22, 0xe0);
            }
            case 3 -> {
                scene.gpr[0] = random.nextInt() & 0xffff;
                scene.code(0x0f, 1, 0xf0); // lmsw
            }
            default -> {
                boolean debug = chance(70);
                int register = debug ? pick(0, 1, 2, 3, 6, 7) : pick(0, 2, 3, 4);
                scene.code(0x0f, debug ? pick(0x21, 0x23) : 0x20, 0xc0 | register << 3);
                scene.gpr[0] = chance(80) ? 0xffff_0000L & random.nextInt() : random.nextLong();
            }
        }
        scene.code(0x90, 0x0f, 0x20, 0xc1);
        return scene;
    }
}
