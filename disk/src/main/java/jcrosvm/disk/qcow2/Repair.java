package jcrosvm.disk.qcow2;

/** Makes an image fit for writing after it was not closed properly. */
final class Repair {
    private final Qcow2File file;
    private final Qcow2Header header;
    private final Geometry geometry;

    private Repair(Qcow2File file, Qcow2Header header) {
        this.file = file;
        this.header = header;
        geometry = header.geometry();
    }

    /**
     * Refuses an image that must not be written, and rebuilds what the dirty bit says is not to be trusted.
     *
     * @return the header as it is now
     */
    static Qcow2Header beforeWriting(Qcow2File file, Qcow2Header header) {
        if (header.has(Qcow2Spec.INCOMPATIBLE_CORRUPT)) {
            throw file.unusable(
                    "is marked as corrupt and can only be opened read-only; repair it with" + " qemu-img check -r all");
        }
        if (!header.has(Qcow2Spec.INCOMPATIBLE_DIRTY)) {
            return header;
        }
        long before = file.reserved();
        new Repair(file, header).run();
        file.reserve(before - file.reserved()); // what it needed is garbage by now
        return Qcow2Header.read(file);
    }

    private void run() {
        Qcow2Check check = new Qcow2Check(file, header);
        Qcow2CheckResult result = check.run(true);
        if (check.walk.corruptions() > 0) {
            throw file.unusable("was not closed properly, and has " + result.corruptions()
                    + " errors that cannot be repaired here; use qemu-img check -r all");
        }
        if (result.corruptions() > 0) {
            rebuild();
        }
        file.sync();
        new HeaderFields(file, header).markClean();
        file.sync();
    }

    /**
     * Writes new refcounts behind everything else and goes over to them at once, so that an interruption leaves the old
     * ones; then sets the flags that follow from them.
     */
    private void rebuild() {
        ReferenceWalk walk = new ReferenceWalk(file, header);
        walk.run();
        References references = walk.references;
        RefcountLayout layout = RefcountLayout.of(file, geometry, references);
        layout.write(file, references);
        file.sync();
        new HeaderFields(file, header).refcountTable(layout.tableOffset(), layout.tableClusters());
        file.sync();
        walk.copiedFlags(cluster -> references.get(cluster) == 1, true);
    }
}
