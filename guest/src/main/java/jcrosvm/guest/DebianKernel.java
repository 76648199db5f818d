package jcrosvm.guest;

import java.util.regex.Pattern;

/** Kernels that guests of the demo and of the tests run. */
public enum DebianKernel {
    /** Linux 6.1 for virtual machines in clouds: small, drivers for virtio and no hardware. */
    CLOUD_6_1("debian-6.1-cloud", "bookworm", "linux-image-cloud-amd64", "linux-image-6\\.1\\..*"),
    /** Linux 6.1 with every driver Debian has. */
    GENERIC_6_1("debian-6.1", "bookworm", "linux-image-amd64", "linux-image-6\\.1\\..*"),
    /** Linux 6.12 for virtual machines in clouds. */
    CLOUD_6_12("debian-6.12-cloud", "trixie", "linux-image-cloud-amd64", "linux-image-6\\.12\\..*"),
    /** Linux 6.12 with every driver Debian has. */
    GENERIC_6_12("debian-6.12", "trixie", "linux-image-amd64", "linux-image-6\\.12\\..*");

    private final String directory;
    private final String release;
    private final String metapackage;
    private final Pattern image;

    DebianKernel(String directory, String release, String metapackage, String image) {
        this.directory = directory;
        this.release = release;
        this.metapackage = metapackage;
        this.image = Pattern.compile(image);
    }

    /** Name of its directory in the cache. */
    public String directory() {
        return directory;
    }

    String release() {
        return release;
    }

    String metapackage() {
        return metapackage;
    }

    Pattern image() {
        return image;
    }
}
