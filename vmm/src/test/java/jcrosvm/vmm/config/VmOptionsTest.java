package jcrosvm.vmm.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import jcrosvm.base.VmmException;
import jcrosvm.boot.KernelUnpack;
import jcrosvm.boot.PciConfig;
import jcrosvm.config.ArgumentReader;
import jcrosvm.config.CpuSet;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.devices.DeviceModules;
import jcrosvm.devices.console.ConsoleConfig;
import jcrosvm.devices.console.ConsoleModule;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.serial.SerialConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class VmOptionsTest {
    private static final Syntax SYNTAX =
            new Syntax("run", "", VmOptions.groups(), List.of(VmOptions.KERNEL), new KnownOptions());

    private static VmConfig read(String line) {
        return VmOptions.read(VmOptions.withFiles(ArgumentReader.read(SYNTAX, List.of(line.split(" "))), SYNTAX));
    }

    @Test
    void startsFromDefaults() {
        VmConfig config = read("--no-rng --no-balloon vmlinux"); // an embedding program gets no device unasked
        assertThat(config)
                .isEqualTo(VmConfig.builder().kernel(Path.of("vmlinux")).build());
        assertThat(config.memory().sizeMib()).isEqualTo(256);
        assertThat(config.cpus().count()).isEqualTo(1);
        assertThat(config.reboot()).isEqualTo(RebootPolicy.EXIT);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-m 64 k",
                "--mem=64 k",
                "--mem size=64 k",
                "-m=0x40 k",
                "--cpus num-cores=2,clusters=[[0],[1]] k",
                "-c 4 --cpu-affinity 0,1-3 k",
                "-c=4 --cpu-affinity=0=0:1=1-2 k",
                "-c 2 --cpu-cluster 0 --cpu-cluster 1 k",
                "--no-smt --nested off k",
                "--nested mode=on k",
                "--hugepages k",
                "--hypervisor kvm k",
                "--hypervisor kvm[device=/dev/kvm2] k",
                "--hypervisor soft k",
                "--hypervisor soft --net tap-fd=3 k",
                "--hypervisor kvm --net tap-fd=3,vhost-net k",
                "--kvm-device /dev/kvm2 k",
                "--irqchip split k",
                "--split-irqchip k",
                "--block a,pci-address=3f:1f.7 --net user,pci-address=1:2.0 k",
                "--cpus 16,clusters=[[0],[4-6],[7]] k",
                "--cpus clusters=[[0-7],[30-31]],num-cores=32 k",
                "--mem 54, k",
                "-i rd -p a -p b=c,d --params=e k",
                "--bios rom",
                "--acpi-table a --acpi-table b k",
                "--smbios bios-vendor=x,oem-strings=[a,b] --oem-strings c k",
                "--pci mem=[start=0xd0000000,size=0x10000000] k",
                "--pci mem=[0xd0000000] k",
                "--pci-start 0xd0000000 k",
                "--break-linux-pci-config-io --no-i8042 --no-rtc k",
                "--name vm k",
                "--serial type=stdout,hardware=serial,num=1,console,stdin k",
                "--serial stdout --serial num=2,type=sink k",
                "--socket /tmp/s k",
                "-s /tmp k",
                "--suspended k",
                "--suspended-vcpus k",
                "--no-balloon --no-rng --no-usb --disable-sandbox k",
                "--reboot in-place k",
                "--kernel-unpack off k",
                "--debug-exit port=0xf4 k",
                "--debug-exit 0x501 k",
                "k --mem 64",
            })
    void accepts(String line) {
        assertThat(read(line)).isNotNull();
    }

    /** What the reader of the command line refuses: exit code 35. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
            --cpu 2 k                            | unknown option --cpu (did you mean
            --irq-chip split k                   | unknown option --irq-chip (did you mean '--irqchip'?)
            --profile k                          | unknown option --profile
            --mem 1 --mem 2 k                    | option --mem can be given only once
            --mem size= k                        | expected a number at position 5
            --mem -5 k                           | out of range
            --mem 1G k                           | '1G' is not a number at position 0
            --mem sise=5 k                       | unknown key 'sise' (did you mean 'size'?)
            --mem 64,size=64 k                   | duplicate key 'size' at position 3
            --cpus two k                         | 'two' is not a number
            --cpus 2,cluster=[] k                | unknown key 'cluster' (did you mean 'clusters'?)
            --cpu-affinity 0-x k                 | '0-x' is not a CPU number or range
            --cpu-affinity 0=0:0=1 k             | vCPU 0 is listed twice at position 4
            --cpu-affinity 0=0:1 k               | expected vCPU=CPUSET
            --nested maybe k                     | unknown value 'maybe'
            --hypervisor xen k                   | unknown value 'xen'
            --hypervisor kvm[devise=/x] k        | unknown key 'devise' (did you mean 'device'?)
            --irqchip none k                     | unknown value 'none'
            --hugepages=true k                   | option --hugepages takes no value
            --serial type=stdot k                | unknown value 'stdot' (did you mean 'stdout'?)
            --serial type=stdout,foo=1 k         | unknown key 'foo'
            --serial stdout,num=one k            | 'one' is not a number at position 11
            --pci mem=[] k                       | missing key 'start'
            --pci mem=5 k                        | expected '['
            --reboot later k                     | unknown value 'later'
            --debug-exit prt=1 k                 | unknown key 'prt' (did you mean 'port'?)
            a b                                  | unexpected argument 'b'
            -z k                                 | unknown option -z
            --socket                             | option --socket needs a value
            """)
    void refusesToRead(String line, String message) {
        assertThatThrownBy(() -> read(line)).isInstanceOf(UsageException.class).hasMessageContaining(message);
    }

    /** What can be read but cannot be: exit code 1. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
            --mem 5                              | Executable is not specified
            --bios rom k                         | both a kernel image
            --mem 0 k                            | needs at least 2 MiB of memory, not 0
            --mem 99999999999 k                  | more than the machine can address
            --mem 16000000 k                     | more than the host has
            --mem 9000000 --lock-guest-memory k  | cannot be locked
            --cpus 0 k                           | needs at least 1 vCPU
            --cpus 65 k                          | 65 vCPUs are more than the machine can have, at most 64
            --cpus 2,clusters=[[0,2]] k          | there is no vCPU 2 among 2
            --cpus 2,clusters=[[0],[0]] k        | vCPU 0 is in two clusters
            --cpus 2,clusters=[[]] k             | a cluster is empty
            --cpus 2,clusters=[[0]] --cpu-cluster 1 k | cannot be combined
            --cpus 2,core-types=[atom=[0],core=[1]] k | --cpus core-types is not supported
            --cpus 2,freq_domains=[[0]] k        | --cpus freq-domains is not supported
            --cpus 2,sve=[auto=true] k           | --cpus sve is not supported
            --cpus 2 --cpu-affinity 2=0 k        | there is no vCPU 2 among 2
            --host-cpu-topology --no-smt k       | --host-cpu-topology cannot be combined with --no-smt
            --host-cpu-topology --cpus 63 k      | --host-cpu-topology makes
            --hypervisor kvm --kvm-device x k    | --kvm-device cannot be combined with --hypervisor
            --irqchip userspace k                | not supported
            --irqchip kernel --split-irqchip k   | cannot be combined
            --irqchip split --split-irqchip k    | cannot be combined
            --cpus 64,clusters=[[0-31]] --cpu-cluster 32 k | cannot be combined
            --cpus 40,clusters=[[0-16],[17],[18],[19],[20],[21],[22],[23]] k | need 288 APIC ids
            --pci mem=[1] k                      | must lie between 1 MiB and 4 GiB
            --hypervisor soft --net tap-fd=3,vhost-net k | vhost-net cannot be used with hypervisor soft
            --hypervisor soft --tap-fd 3 --vhost-net k | vhost-net cannot be used with hypervisor soft
            --block a,pci-address=0:5.0 --block b,pci-address=00:05.0 k | pci-address 0000:00:05.0 is taken
            --block a,pci-address=0:0.0 k        | pci-address 0000:00:00.0 is taken
            --block a,pci-address=40:0.0 k       | there are buses 00 to 3f
            --block a,pci-address=1:0.0 --pci ecam=[0xf4000000,size=0x100000] k | there are buses 00 to 00
            --ffa auto k                         | --ffa is only for AArch64 machines
            --pci mem=[0xd0000000] --pci-start 1 k | cannot be combined
            --suspended --suspended-vcpus k      | exclude each other
            --debug-exit 65536 k                 | not between 1 and 65535
            --socket /nonexistent/s k            | directory /nonexistent does not exist
            --gpu k                              | --gpu is not supported yet
            --gpu x k                            | --gpu is not supported yet
            --pmem disk.img k                    | --pmem is not supported yet
            --serial hardware=virtio-console,earlycon k | earlycon needs hardware=serial
            --serial hardware=virtio-console --serial hardware=legacy-virtio-console k | is given twice
            --serial hardware=virtio-console,stdin --serial stdin k | stdin is used by
            --enable-fw-cfg k                    | --enable-fw-cfg is not supported yet
            --no-pmu k                           | --no-pmu is only for AArch64 machines
            --exit-stats k                       | --exit-stats is only for Windows hosts
            --cfg /nonexistent k                 | does not exist
            """)
    void refusesToBuild(String line, String message) {
        assertThatThrownBy(() -> read(line))
                .isInstanceOf(VmmException.class)
                .isNotInstanceOf(UsageException.class)
                .hasMessageContaining(message);
    }

    @Test
    void refusesSocketPathsThatCannotBe() {
        assertThatThrownBy(() -> read("-s /tmp/" + "x".repeat(103) + " k")).hasMessageContaining("is too long: 108");
        assertThat(read("-s /tmp/" + "x".repeat(102) + " k").socket()).isNotNull();
    }

    @Test
    void putsValuesWhereTheyBelong() {
        VmConfig config = read("-c 4,clusters=[[0-1],[2-3]] --cpu-affinity 0=1:3=0,2 --no-smt --nested on -m 300"
                + " --hugepages --hypervisor kvm[device=/k] --irqchip split -i rd -p a -p b --kernel-unpack on"
                + " --acpi-table t --smbios product-name=p,oem-strings=[x] --oem-strings y --serial file,path=o,num=2"
                + " --no-i8042 --no-rtc --break-linux-pci-config-io --pci ecam=[0xe0000000,size=0x100000]"
                + " --name n -s /tmp/s --suspended --reboot in-place --debug-exit 0x501 k");
        CpuConfig cpus = config.cpus();
        assertThat(cpus.count()).isEqualTo(4);
        assertThat(cpus.clusters()).containsExactly(CpuSet.of(0, 1), CpuSet.of(2, 3));
        assertThat(cpus.affinity()).isEqualTo(new CpuAffinity(null, Map.of(0, CpuSet.of(1), 3, CpuSet.of(0, 2))));
        assertThat(cpus.smt()).isFalse();
        assertThat(cpus.nested()).isEqualTo(CpuConfig.NestedMode.ON);
        assertThat(config.memory()).isEqualTo(new MemoryConfig(300, true, false));
        assertThat(config.hypervisor()).isEqualTo(new HypervisorConfig("kvm", Path.of("/k"), IrqChipMode.SPLIT));
        assertThat(config.boot().kernel()).isEqualTo(Path.of("k"));
        assertThat(config.boot().initrd()).isEqualTo(Path.of("rd"));
        assertThat(config.boot().params()).containsExactly("a", "b");
        assertThat(config.boot().unpack()).isEqualTo(KernelUnpack.ON);
        assertThat(config.boot().acpiTables()).containsExactly(Path.of("t"));
        assertThat(config.boot().smbios().productName()).isEqualTo("p");
        assertThat(config.boot().smbios().oemStrings()).containsExactly("x", "y");
        assertThat(config.serial()).hasSize(1);
        assertThat(config.serial().getFirst().type()).isEqualTo(SerialConfig.Type.FILE);
        assertThat(config.serial().getFirst().num()).isEqualTo(2);
        assertThat(config.platform()).isEqualTo(new PlatformConfig(false, false, false, VirtioBus.PCI, true, false, 0));
        assertThat(config.pci()).isEqualTo(new PciConfig(null, new PciConfig.Window(0xe0000000L, 0x100000L)));
        assertThat(config.name()).isEqualTo("n");
        assertThat(config.socket()).isEqualTo(Path.of("/tmp/s"));
        assertThat(config.start()).isEqualTo(StartState.SUSPENDED);
        assertThat(config.reboot()).isEqualTo(RebootPolicy.IN_PLACE);
        assertThat(config.debugExit()).isEqualTo(new DebugExitConfig(0x501, false));
    }

    @Test
    void readsTheSameFromAFile(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("vm.json"), """
                {
                  "kernel": "k", "cpus": {"num-cores": 4, "clusters": [[0, 1], ["2-3"]]}, "mem": 300,
                  "params": ["a", "b"], "hypervisor": {"kvm": {"device": "/k"}}, "irqchip": "split",
                  "serial": [{"type": "stdout", "console": true}], "no-rtc": true, "no-i8042": false,
                  "pci": {"ecam": {"start": "0xe0000000", "size": 1048576}}, "reboot": "in-place"
                }
                """);
        VmConfig expected = read("-c 4,clusters=[[0,1],[2-3]] -m 300 -p a -p b --hypervisor kvm[device=/k]"
                + " --irqchip split --serial stdout,console --no-rtc --pci ecam=[0xe0000000,size=1048576]"
                + " --reboot in-place k");
        assertThat(read("--cfg " + file)).isEqualTo(expected);
        assertThat(read("--cfg " + file + " --mem 64 -p c other").memory().sizeMib())
                .isEqualTo(64);
        assertThat(read("--cfg " + file + " -p c").boot().params()).containsExactly("a", "b", "c");
        Path second = Files.writeString(folder.resolve("2.json"), "{\"mem\": 128, \"params\": [\"z\"]}");
        VmConfig both = read("--cfg " + file + " --cfg " + second);
        assertThat(both.memory().sizeMib()).isEqualTo(128);
        assertThat(both.boot().params()).containsExactly("a", "b", "z");
        Files.writeString(second, "{\"gpu\": {}, \"kernel\": \"k\"}");
        assertThatThrownBy(() -> read("--cfg " + second)).hasMessage("--gpu is not supported yet");
        Files.writeString(second, "{\"cfg\": \"x\"}");
        assertThatThrownBy(() -> read("--cfg " + second)).hasMessageContaining("names another one");
    }

    @Test
    void knowsEveryOptionOfCrosvmOnce() throws Exception {
        Set<String> names = new HashSet<>();
        try (BufferedReader lines = new BufferedReader(
                new InputStreamReader(KnownOptions.class.getResourceAsStream(KnownOptions.RESOURCE)))) {
            for (String line : lines.lines().filter(l -> !l.startsWith("#")).toList()) {
                assertThat(line).matches("[a-z0-9-]+(,[a-z])? (value|switch) (yet|arm|windows|android|vios)");
                assertThat(names.add(line.substring(0, line.indexOf(' ')).split(",")[0]))
                        .as(line)
                        .isTrue();
            }
        }
        assertThat(names).hasSizeLessThanOrEqualTo(130); // fewer as more of them become ours
        Set<Object> ours = new HashSet<>();
        for (Option.Group group : VmOptions.groups()) {
            for (Option<?> option : group.options()) {
                assertThat(ours.add(option.name())).as(option.name()).isTrue();
                assertThat(option.letter() == 0 || ours.add(option.letter())).isTrue();
                assertThat(names).doesNotContain(option.name());
            }
        }
        assertThat(new KnownOptions().find("pmem").name()).isEqualTo("pmem");
        assertThat(KnownOptions.match("long,l value yet", "l").name()).isEqualTo("long");
        assertThat(KnownOptions.match("long,l value yet", "long,l")).isNull();
        assertThat(new KnownOptions().find("")).isNull();
    }

    @Test
    void virtioConsolesBecomeDevices() {
        VmConfig config = read("--serial hardware=virtio-console,num=2,console,max-queue-sizes=[64,128]"
                + " --serial file,path=o,num=2 --serial stdout,hardware=legacy-virtio-console k");
        assertThat(config.serial()).hasSize(1);
        List<ConsoleConfig> consoles = DeviceModules.of(new ConsoleModule(), config.devices());
        assertThat(consoles).extracting(console -> console.serial().num()).containsExactly(1, 2);
        assertThat(new ConsoleModule().kernelParameters(consoles).early()).containsExactly("console=hvc1");
        VmConfig embedded = VmConfig.builder()
                .kernel(Path.of("k"))
                .serial(consoles.getFirst().serial())
                .serial(config.serial().getFirst())
                .build();
        assertThat(embedded.devices()).containsExactly(consoles.getFirst());
        assertThat(embedded.serial()).isEqualTo(config.serial());
        assertThat(embedded.allSerial()).hasSize(2);
    }

    @Test
    void readsMeminfo() {
        assertThat(HostMemory.mib("MemTotal:       24682496 kB\nMemFree: 1 kB\n", "MemTotal:"))
                .isEqualTo(24104);
        assertThat(HostMemory.mib("", "MemTotal:")).isZero();
        assertThat(HostMemory.read().ramMib()).isPositive();
        HostMemory generous = new HostMemory(1, 0, true);
        generous.check(new MemoryConfig(100, false, false));
        assertThatThrownBy(() -> generous.check(new MemoryConfig(100, false, true)))
                .hasMessageContaining("locked");
    }
}
