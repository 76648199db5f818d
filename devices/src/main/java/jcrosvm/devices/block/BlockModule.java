package jcrosvm.devices.block;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskImages;
import jcrosvm.virtio.ControlVerb;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.KernelParameters;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;

/** Disks. */
public final class BlockModule implements DeviceModule<BlockConfig> {
    private static final int LETTERS = 26;

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
    public String pciAddress(BlockConfig config) {
        String address = config.pciAddress();
        return address == null ? "" : address;
    }

    @Override
    public VirtioDevice create(BlockConfig config, int index, VmFacts host) {
        DiskFile disk = DiskImages.open(config.path(), config.options());
        try {
            return on(disk, config, index, host.vcpus());
        } catch (RuntimeException e) {
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
