package jcrosvm.platform;

/** What firmware finds in CMOS memory. */
final class CmosMemory {
    private CmosMemory() {}

    /** Sizes of the memory in the fields that firmware of different ages reads. */
    static void describe(byte[] memory, long ramBelow4GiB, long ramAbove4GiB, int vcpus) {
        word(memory, 0x15, 640);
        int extended = Math.clamp((ramBelow4GiB >> 10) - 1024, 0, 0xffff);
        word(memory, 0x17, extended);
        word(memory, 0x30, extended);
        word(memory, 0x34, Math.clamp((ramBelow4GiB >> 16) - 256, 0, 0xffff));
        int high = (int) Math.min(ramAbove4GiB >> 16, 0xffffff);
        word(memory, 0x5b, high & 0xffff);
        memory[0x5d] = (byte) (high >> 16);
        memory[0x5f] = (byte) (vcpus - 1);
    }

    private static void word(byte[] memory, int at, int value) {
        memory[at] = (byte) value;
        memory[at + 1] = (byte) (value >> 8);
    }
}
