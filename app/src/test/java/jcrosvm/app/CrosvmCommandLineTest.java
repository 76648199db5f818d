package jcrosvm.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.ArgumentReader;
import jcrosvm.config.Arguments;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.vmm.config.VmOptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Command lines of {@code run} and what becomes of them before anything is opened: 0 for accepted, or the exit code.
 * Where crosvm decides otherwise, docs/crosvm.md says so in the words of the last column.
 */
class CrosvmCommandLineTest {
    private static final Path PAGE = Path.of("../docs/crosvm.md");
    private static final Syntax SYNTAX = RunCommand.syntaxOfRun();

    private static int verdict(String line) {
        try {
            Arguments arguments = ArgumentReader.read(SYNTAX, List.of(line.split(" ")));
            VmOptions.read(arguments);
            return ExitCode.SUCCESS;
        } catch (UsageException e) {
            return ExitCode.USAGE;
        } catch (VmmException e) {
            return ExitCode.FAILURE;
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', nullValues = "-", textBlock = """
            --irqchip split --split-irqchip k                        | 1  | 1  | -
            --irqchip kernel --split-irqchip k                       | 1  | 1  | -
            --irqchip split, k                                       | 35 | 35 | -
            --hypervisor kvm, k                                      | 35 | 35 | -
            --hypervisor kvm[device=/dev/kvm], k                     | 35 | 35 | -
            --async-executor epoll, k                                | 35 | 35 | -
            --nested off, k                                          | 0  | 0  | -
            --mem 54, k                                              | 0  | 0  | -
            --mem 54,, k                                             | 35 | 35 | -
            --net-vq-pairs x k                                       | 35 | 35 | -
            --net-vq-pairs 2 k                                       | 0  | 0  | -
            --virtio-snd capture=true,num_output_devices=2 k         | 0  | 0  | -
            --virtio-snd backend=file,playback_path=/tmp k           | 0  | 0  | -
            --virtio-snd num-output-devices=2 k                      | 35 | 35 | -
            --virtio-snd backend=loudspeaker k                       | 35 | 35 | -
            --virtio-snd input_device_config=[[effects=[reverb]]] k  | 35 | 35 | -
            --block d,pci-address=hello k                            | 35 | 35 | -
            --block d,pci-address=00:20.0 k                          | 35 | 35 | -
            --block d,pci-address=00:1f.8 k                          | 35 | 35 | -
            --block d,pci-address=00:1f k                            | 35 | 35 | -
            --block d,pci-address=0e.0 k                             | 35 | 35 | -
            --block d,pci-address=zz:01.0 k                          | 35 | 35 | -
            --block d,pci-address=1:00:01.0 k                        | 35 | 35 | -
            --block d,pci-address= k                                 | 35 | 35 | -
            --block d,pci-address=0000:00:1f.0 k                     | 0  | 0  | -
            --block d,pci-address=01:02.0 k                          | 0  | 0  | -
            --block d,pci-address=05:1f.0 k                          | 0  | 0  | -
            --block d,pci-address=1:2.0 --block e,pci-address=1:2.0 k | 1 | 0  | Checked at once
            --disk d,pci-address=hello k                             | 35 | 35 | -
            --net tap-fd=3,pci-address=hello k                       | 35 | 35 | -
            --serial hardware=virtio-console,pci-address=hello k     | 35 | 35 | -
            --serial hardware=virtio-console,pci-address=00:0e.0 k   | 0  | 0  | -
            --serial hardware=serial,pci-address=00:0e.0 k           | 35 | 35 | -
            --serial hardware=debugcon,pci-address=00:0e.0 k         | 35 | 35 | -
            --root A --root B k                                      | 35 | 35 | -
            --rwroot A --rwroot B k                                  | 35 | 35 | -
            --root A --rwroot B k                                    | 1  | 1  | -
            --disk A --disk B --rwdisk C --rwdisk D k                | 0  | 0  | -
            --serial type=stdout,out_timestamp=true k                | 0  | 0  | -
            --serial type=stdout,out_timestamp k                     | 0  | 0  | -
            --serial out-timestamp,out_timestamp k                   | 35 | 35 | -
            --serial hardware=debugcon,debugcon_port=1026 k          | 0  | 0  | -
            --serial hardware=debugcon,debugcon-port=0x402 k         | 0  | 0  | -
            --serial hardware=debugcon,debugcon-port=65536 k         | 35 | 35 | -
            --serial type=syslog,path=/x,num=2 k                     | 0  | 0  | -
            --serial type=sink,path=/x k                             | 0  | 0  | -
            --serial type=stdout,input-unix-stream,num=2 k           | 0  | 0  | -
            --serial type=stdout,name=x,max-queue-sizes=[1,2] k      | 0  | 0  | -
            --serial type=stdout,num=0 k                             | 35 | 35 | -
            --serial type=stdout,num=5 k                             | 35 | 35 | -
            --serial type=stdout,num=256 k                           | 35 | 35 | -
            --serial hardware=virtio-console,num=5 k                 | 0  | 0  | -
            --serial type=stdout,stdin,input=/x k                    | 35 | 35 | -
            --serial type=file k                                     | 1  | 1  | -
            --serial type=unix-stream k                              | 1  | 1  | -
            --serial hardware=debugcon,console k                     | 1  | 0  | A debug console cannot be the console
            --net tap-name=t,vhost-net= k                            | 0  | 0  | -
            --net tap-name=t,vhost-net=[] k                          | 0  | 0  | -
            --net tap-name=t,vhost-net=[device=/dev/v] k             | 0  | 0  | -
            --net tap-name=t,vhost-net=[devise=/dev/v] k             | 35 | 35 | -
            --net tap-name=t,vq-pairs=200 k                          | 0  | 0  | -
            --net tap-name=t,packed-queue,mrg-rxbuf k                | 1  | 1  | -
            --net host-ip=192.168.10.1,netmask=255.255.255.0,mac=3d:70:eb:61:1a:91 k | 0 | 0 | -
            --host-ip 192.168.10.1 --netmask 255.255.255.0 --mac 3d:70:eb:61:1a:91 k | 0 | 0 | -
            --host-ip hello --netmask 255.255.255.0 --mac 2:0:0:0:0:1 k | 35 | 35 | -
            --net tap-name=t,mac=3d:70:eb:61:1a k                    | 35 | 35 | -
            --net user k                                             | 0  | 35 | A network without privileges
            --block d,block-size=8192 k                              | 0  | 0  | -
            --block d,block-size=128 k                               | 1  | 0  | Checked at once
            --block d,bootindex=1 k                                  | 1  | 0  | needs `fw_cfg`
            --block d,async-executor=tokio k                         | 35 | 35 | -
            --cpus 16,clusters=[[0],[4-6],[7]] k                     | 0  | 0  | -
            --cpus clusters=[[0-7],[30-31]],num-cores=32 k           | 0  | 0  | -
            --cpus 4,clusters=[[2-3],[0-1]] k                        | 0  | 0  | -
            --cpus 2,clusters=[[0],[2]] k                            | 1  | 0  | A cluster of vCPUs that do not exist
            --cpus 2,clusters=[[0],[0]] k                            | 1  | 0  | A cluster of vCPUs that do not exist
            --cpus 2,core-types=[atom=[0],core=[1]] k                | 1  | 0  | core-types
            --cpus 200 k                                             | 1  | 0  | at most 64 vCPUs
            --irqchip userspace k                                    | 1  | 0  | Checked at once
            --pci mem=[start=0x123] k                                | 1  | 0  | Checked at once
            --pci mem=[start=0xd0000123,size=0x1000000] k            | 0  | 0  | -
            --pci ecam=[start=0x123] k                               | 1  | 0  | Checked at once
            --hypervisor soft --net tap-name=t,vhost-net k           | 1  | 35 | on the software processor
            --ffa auto k                                             | 1  | 0  | refused with exit code 1
            --gpu backend=2d k                                       | 1  | 0  | refused with exit code 1
            --suspended --suspended-vcpus k                          | 1  | 1  | -
            --cpu 2 k                                                | 35 | 35 | -
            --mem 1 --mem 2 k                                        | 35 | 35 | -
            """)
    void isDecidedAsByCrosvm(String line, int ours, int crosvm, String difference) throws Exception {
        assertThat(verdict(line)).as(line).isEqualTo(ours);
        if (ours == crosvm) {
            assertThat(difference).isNull();
        } else {
            assertThat(Files.readString(PAGE).replaceAll("\\s+", " ")).contains(difference);
        }
    }
}
