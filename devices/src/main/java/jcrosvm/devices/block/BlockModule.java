package jcrosvm.devices.block;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskSource;
import jcrosvm.virtio.ControlVerb;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.KernelParameters;
import jcrosvm.virtio.SandboxProfile;
import jcrosvm.virtio.StandaloneOptions;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;

/** Disks. */
public final class BlockModule implements DeviceModule<BlockConfig> {
    private static final int LETTERS = 26;
    private static final SandboxProfile SANDBOX = SandboxProfile.of(
            "preadv",
            "preadv2",
            "pwritev",
            "pwritev2",
            "pread64",
            "pwrite64",
            "fdatasync",
            "fsync",
            "fallocate",
            "ftruncate",
            "lseek",
            "statx",
            "ioctl",
            "io_uring_setup",
            "io_uring_enter",
            "io_uring_register");

    /**
     * What the descriptors are, in their order.
     *
     * @param images as {@link DiskSource} has them
     */
    public record Images(List<DiskSource.Image> images) {}

    @Override
    public String name() {
        return "block";
    }

    @Override
    public Class<BlockConfig> configType() {
        return BlockConfig.class;
    }

    @Override
    public Option.Group options() {
        return BlockOptions.GROUP;
    }

    @Override
    public List<BlockConfig> read(Arguments arguments) {
        return BlockOptions.read(arguments);
    }

    @Override
    public void validate(List<BlockConfig> all) {
        List<BlockConfig> roots = all.stream().filter(BlockConfig::root).toList();
        if (roots.size() > 1) {
            throw new VmmException("block " + roots.get(1).path() + ": only one disk can be root, and "
                    + roots.getFirst().path() + " is");
        }
    }

    @Override
    public KernelParameters kernelParameters(List<BlockConfig> all) {
        List<String> words = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            if (all.get(i).root()) {
                words.add("root=/dev/vd" + letters(i));
                words.add(all.get(i).ro() ? "ro" : "rw");
            }
        }
        return new KernelParameters(List.of(), words);
    }

    /** As Linux names its disks: a to z, aa, ab and so on. */
    static String letters(int index) {
        String last = String.valueOf((char) ('a' + index % LETTERS));
        return index < LETTERS ? last : letters(index / LETTERS - 1) + last;
    }

    @Override
    public Optional<StandaloneOptions<BlockConfig>> standalone() {
        return Optional.of(BlockOptions.STANDALONE);
    }

    @Override
    public String pciAddress(BlockConfig config) {
        String address = config.pciAddress();
        return address == null ? "" : address;
    }

    @Override
    public SandboxProfile sandbox(BlockConfig config) {
        return SANDBOX;
    }

    @Override
    public HostResources open(BlockConfig config, int index, VmFacts vm) {
        DiskSource source = DiskSource.open(config.path(), config.options());
        HostResources resources = new HostResources(new Images(source.images()));
        for (int i = 0; i < source.files().size(); i++) {
            resources.with("image" + i, source.files().get(i));
        }
        return resources;
    }

    @Override
    public VirtioDevice create(BlockConfig config, int index, HostResources resources, VmFacts vm) {
        List<DiskSource.Image> images = resources.description(Images.class).images();
        List<Fd> files = new ArrayList<>();
        for (int i = 0; i < images.size(); i++) {
            files.add(resources.take("image" + i));
        }
        DiskFile disk = new DiskSource(images, files).disk(config.options());
        try {
            return on(disk, config, index, vm.vcpus());
        } catch (RuntimeException | Error e) {
            disk.close();
            throw e;
        }
    }

    /**
     * A device on a disk that is open already, whatever the configuration's path says; the device closes it.
     *
     * @param vcpus how many queues are worth having
     */
    public static VirtioDevice on(DiskFile disk, BlockConfig config, int index, int vcpus) {
        return new BlockDevice("block" + index, config, disk, vcpus);
    }

    @Override
    public List<ControlVerb> verbs() {
        return List.of(DiskCommand.VERB);
    }
}
