package jcrosvm.disk.qcow2;

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
    public static Qcow2Info info(ImageFile file) {
        Qcow2File image = new Qcow2File(file);
        return Qcow2Info.of(image, Qcow2Header.read(image));
    }
}
