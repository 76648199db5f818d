package jcrosvm.devices.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.config.ArgumentReader;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.Syntax;
import jcrosvm.disk.Backing;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskFormat;
import jcrosvm.disk.io.ThrottleConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BlockOptionsTest {
    private static final Syntax SYNTAX = new Syntax("test", "", List.of(BlockOptions.GROUP), List.of());

    private final BlockModule module = new BlockModule();

    private List<BlockConfig> read(String line) {
        List<BlockConfig> all = module.read(ArgumentReader.read(SYNTAX, List.of(line.split(" "))));
        all.forEach(BlockConfig::validate);
        module.validate(all);
        return all;
    }

    @Test
    void readsAllKeys() {
        assertThat(read("--block disk")).containsExactly(BlockConfig.of(Path.of("disk")));
        assertThat(
                        read(
                                "-b path=disk,ro,root,sparse=false,o_direct,lock=false,block_size=4096,id=x,multiple-workers,"
                                        + "async-executor=uring,packed-queue,pci-address=00:05.0,"
                                        + "throttle=[bps=1,read-bps=2,write-bps=3,iops=4,read-iops=5,write-iops=6,burst=7],format=android-sparse,backing=any"))
                .containsExactly(BlockConfig.of(Path.of("disk")).with(to -> {
                    to.ro = true;
                    to.root = true;
                    to.sparse = false;
                    to.direct = true;
                    to.lock = false;
                    to.blockSize = 4096;
                    to.id = "x";
                    to.multipleWorkers = true;
                    to.asyncExecutor = AsyncExecutor.URING;
                    to.packedQueue = true;
                    to.pciAddress = "00:05.0";
                    to.throttle = new ThrottleConfig(1, 2, 3, 4, 5, 6, 7);
                    to.format = DiskFormat.ANDROID_SPARSE;
                    to.backing = Backing.ANY;
                }));
        assertThat(read("--block d,block-size=65536").getFirst().blockSize()).isEqualTo(65536);
        assertThat(read("--block disk,dontcache,direct=false,block-size=512")
                        .getFirst()
                        .dontcache())
                .isTrue();
    }

    @Test
    void oldOptionsKeepTheirPlaceAmongTheOthers() {
        List<BlockConfig> all = read("--rwdisk a --block b,ro --disk c --rwroot d --block e -d f");
        assertThat(all.stream().map(config -> config.path().toString())).containsExactly("a", "b", "c", "d", "e", "f");
        assertThat(all.stream().map(BlockConfig::ro)).containsExactly(false, true, true, false, false, true);
        assertThat(module.kernelParameters(all).early()).isEmpty();
        assertThat(module.kernelParameters(all).late()).containsExactly("root=/dev/vdd", "rw");
        assertThat(module.kernelParameters(read("-r a")).late()).containsExactly("root=/dev/vda", "ro");
        assertThat(BlockModule.letters(25)).isEqualTo("z");
        assertThat(BlockModule.letters(26)).isEqualTo("aa");
        assertThat(BlockModule.letters(26 + 27)).isEqualTo("bb");
    }

    @Test
    void executorOfTheVm() {
        List<BlockConfig> all = read("--async-executor uring --block a --block b,async-executor=epoll");
        assertThat(all.stream().map(BlockConfig::asyncExecutor))
                .containsExactly(AsyncExecutor.URING, AsyncExecutor.EPOLL);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            --block ro                               | missing key 'path'
            --block d,block-size=1000                | block-size must be a power of two
            --block d,block-size=256                 | block-size must be a power of two
            --block d,block-size=0                   | block-size must be a power of two
            --block d,pci-address=00:20.0            | there is no device 32 on a bus
            --root a --root b                        | can be given only once
            --rwroot a --rwroot b                    | can be given only once
            --block d,id=123456789012345678901       | longer than 20 bytes
            --block d,bootindex=1                    | bootindex is not supported yet, since it needs fw_cfg
            --block d,direct,dontcache               | exclude each other
            --block d,async-executor=tokio           | unknown value 'tokio'
            --block d,throttle=[burst=3]             | needs a limit
            --block d,throttle=[iops=1,burst=0]      | out of range
            --block d,nonsense=3                     | unknown key 'nonsense'
            --root a --block b,root                  | only one disk can be root
            --root a --rwroot b                      | only one disk can be root
            """)
    void saysWhatIsWrong(String line, String problem) {
        assertThatThrownBy(() -> read(line)).isInstanceOf(VmmException.class).hasMessageContaining(problem);
    }

    private static String resize(Map<Integer, BlockDevice> disks, int index, long size) {
        String body = "{\"disk_index\":" + index + ",\"command\":{\"Resize\":{\"new_size\":" + size + "}}}";
        return JsonWriter.compact(DiskCommand.VERB
                .perform(JsonReader.parse(body), disks)
                .toCompletableFuture()
                .join());
    }

    @Test
    void resizesByCommand() {
        MemoryDisk disk = new MemoryDisk(4096);
        BlockConfig config = BlockConfig.of(Path.of("disk"));
        Map<Integer, BlockDevice> disks = Map.of(
                0, new BlockDevice("block0", config, disk, 1),
                1, new BlockDevice("block1", config, new MemoryDisk(4096, DiskFile.Feature.RESIZE), 1));
        assertThat(resize(disks, 0, 8192)).isEqualTo("\"Ok\"");
        assertThat(disk.length()).isEqualTo(8192);
        assertThat(errno(disks, 1, 8192)).isEqualTo(Errno.EROFS);
        assertThat(errno(disks, 2, 8192)).isEqualTo(Errno.ENODEV);
        assertThat(errno(disks, 0, 100)).isEqualTo(Errno.EIO);
        disk.failure = Errno.ENOSPC;
        assertThat(errno(disks, 0, 16384)).isEqualTo(Errno.EIO);
        disks.values().forEach(BlockDevice::close);
    }

    private static int errno(Map<Integer, BlockDevice> disks, int index, long size) {
        try {
            resize(disks, index, size);
            return 0;
        } catch (OsException e) {
            return e.errno();
        }
    }
}
