package jcrosvm.disk.qcow2;

import java.nio.file.Path;
import jcrosvm.disk.raw.ImageFile;

/** Makes, describes and checks images without using their disks. Files stay the caller's. */
public final class Qcow2Images {
    private Qcow2Images() {}

    /** Writes an empty image into an empty file that is open for writing, and makes it durable. */
    public static void create(ImageFile file, Qcow2Options options) {
        new NewImage(options).write(new Qcow2File(file));
    }

    /**
     * What an image says about itself.
     *
     * @throws jcrosvm.disk.DiskException when it is none, or cannot be understood
     */
    public static Qcow2Summary info(ImageFile file) {
        Qcow2File image = new Qcow2File(file);
        return Qcow2Summary.of(image, Qcow2Header.read(image));
    }

    /**
     * Where the backing file is that an image names.
     *
     * @throws jcrosvm.disk.DiskException when that is no path
     */
    public static Path backing(ImageFile file, String name) {
        return new Qcow2File(file).resolve(name);
    }

    /**
     * Compares an image's refcounts with its references, like {@code qemu-img check}. No program may be writing it.
     *
     * @param fixLeaks gives leaked clusters back; the file must be open for writing then
     * @throws jcrosvm.disk.DiskException when its header cannot be understood
     */
    public static Qcow2CheckResult check(ImageFile file, boolean fixLeaks) {
        Qcow2File image = new Qcow2File(file);
        return new Qcow2Check(image, Qcow2Header.read(image)).run(fixLeaks);
    }
}
