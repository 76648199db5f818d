package jcrosvm.hypervisor.soft.oracle;

import java.util.SplittableRandom;

/** Random descriptors, selectors and tasks for scenes. */
abstract sealed class RandomMachine permits Scenes {
    private static final int[] ACCESS = {
        0x93, 0xf3, 0x91, 0x97, 0x9b, 0x99, 0xfb, 0xfa, 0x92, 0xf2, 0xb3, 0xd3, 0xbb, 0x9f, 0xff, 0xdf, 0xfd, 0xf5,
        0x13, 0x1b, 0x73, 0x7b, 0x82, 0x89, 0x8b, 0x81, 0x85, 0x8c, 0xec, 0x8e, 0xe9, 0x09, 0x0c, 0x02, 0x84, 0x8a
    };
    private static final int[] WIDTHS = {0xc, 0xc, 0xc, 0xa, 0xa, 0, 4, 8, 2, 0xe, 6};

    final SplittableRandom random;

    RandomMachine(long seed) {
        random = new SplittableRandom(seed);
    }

    final int pick(int... of) {
        return of[random.nextInt(of.length)];
    }

    final boolean chance(int percent) {
        return random.nextInt(100) < percent;
    }

    final Scene.Mode mode(Scene.Mode... of) {
        return of[random.nextInt(of.length)];
    }

    /** A scene of some mode with random tables. */
    final Scene any(Scene.Mode... modes) {
        Scene scene = new Scene(mode(modes), chance(50) ? 0 : 3);
        for (int i = 0; i < 16; i++) {
            if (i != 4) {
                scene.gpr[i] = scene.mode.longMode() ? random.nextLong() : random.nextInt() & 0xffff_ffffL;
            }
        }
        scene.flags |= random.nextInt() & 0xcd5;
        for (int i = Scene.FIRST_FREE >> 3; i < Scene.GDT_ENTRIES; i++) {
            scene.gdt[i] = descriptor(scene);
        }
        for (int i = 0; i < Scene.LDT_ENTRIES; i++) {
            scene.ldt[i] = descriptor(scene);
        }
        if (scene.mode == Scene.Mode.PROTECTED) {
            otherTask(scene);
        }
        return scene;
    }

    /** What a switch to another task finds. */
    private void otherTask(Scene scene) {
        boolean user = chance(50);
        int code = user ? Scene.USER_CODE32 : Scene.CODE32;
        int data = user ? Scene.USER_DATA32 : Scene.DATA32;
        scene.put(Scene.OTHER_TSS, 4, Scene.TASK);
        scene.put(Scene.OTHER_TSS + 28, 4, 0);
        scene.put(Scene.OTHER_TSS + 32, 4, Scene.TARGETS + 4 * random.nextInt(0x1000));
        scene.put(Scene.OTHER_TSS + 36, 4, 0x3002 | random.nextInt() & 0xcd5);
        for (int i = 0; i < 8; i++) {
            scene.put(Scene.OTHER_TSS + 40 + 4 * i, 4, i == 4 ? Scene.OUTER_STACK - 0x200 : random.nextInt());
        }
        for (int i = 0; i < 6; i++) {
            int usual = i == 1 ? code : data;
            scene.put(Scene.OTHER_TSS + 72 + 4 * i, 4, chance(95) ? usual : selector());
        }
        scene.put(Scene.OTHER_TSS + 96, 4, chance(90) ? Scene.LOCAL : selector() & ~7);
        scene.put(Scene.OTHER_TSS + 100, 4, 0x0068_0000);
        scene.put(Scene.TSS, 4, selector() & ~7);
    }

    private long descriptor(Scene scene) {
        int access = chance(90) ? pick(ACCESS) : random.nextInt(256);
        boolean gate = (access & 0x10) == 0 && (access & 0xf) >= 4 && (access & 7) >= 4;
        if (gate) {
            return Scene.callGate(selector(), target(), access, random.nextInt(4));
        }
        boolean system = (access & 0x10) == 0;
        if (system) {
            return Scene.descriptor(Scene.OTHER_TSS, pick(0x67, 0x100, 0x66, 0x2b), access, 0);
        }
        int base = chance(80) ? 0 : random.nextInt(16) * 16;
        return Scene.descriptor(base, pick(0xf_ffff, 0xf_ffff, 0xf_ffff, 0x3_ffff, 0x100), access, pick(WIDTHS));
    }

    /** Somewhere among the landing places. */
    final long target() {
        return chance(90)
                ? Scene.TARGETS + 4 * random.nextInt(0x2000)
                : chance(50) ? random.nextInt() & 0xffff_fffcL : 0x8000_0000_0000L;
    }

    final int selector() {
        if (chance(4)) {
            return random.nextInt(0x1_0000);
        }
        if (chance(6)) {
            return random.nextInt(4);
        }
        int known =
                pick(Scene.CODE32, Scene.DATA32, Scene.USER_CODE32, Scene.USER_DATA32, Scene.CODE64, Scene.USER_CODE64);
        if (chance(25)) {
            return known ^ (chance(10) ? random.nextInt(4) : 0);
        }
        int index = chance(70)
                ? (Scene.FIRST_FREE >> 3) + random.nextInt(Scene.GDT_ENTRIES - (Scene.FIRST_FREE >> 3))
                : random.nextInt(Scene.LDT_ENTRIES);
        return index << 3 | (chance(30) ? 4 : 0) | random.nextInt(4);
    }
}
