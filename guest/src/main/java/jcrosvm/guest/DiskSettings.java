package jcrosvm.guest;

import java.io.IOException;

/** What makes a demo's disk out of a bare Debian: its name, its network, its logins, and its source of new packages. */
final class DiskSettings {
    private static final String FSTAB = """
            /dev/vda / ext4 defaults 0 0
            """;
    private static final String HOSTS = """
            127.0.0.1 localhost
            127.0.1.1 debian
            ::1 localhost ip6-localhost ip6-loopback
            ff02::1 ip6-allnodes
            ff02::2 ip6-allrouters
            """;
    private static final String NETWORK = """
            [Match]
            Type=ether

            [Network]
            DHCP=yes
            """;
    // A user with the console of a virtual machine has the machine.
    private static final String AUTOLOGIN = """
            [Service]
            ExecStart=
            ExecStart=-/sbin/agetty --autologin root --keep-baud 115200,57600,38400,9600 - ${TERM}
            """;
    private static final String SSH = """
            HostKey /etc/ssh/ssh_host_ed25519_key
            """;
    private static final String SOURCES = """
            Types: deb
            URIs: http://deb.debian.org/debian
            Suites: RELEASE RELEASE-updates
            Components: main
            Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

            Types: deb
            URIs: http://deb.debian.org/debian-security
            Suites: RELEASE-security
            Components: main
            Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
            """;

    private DiskSettings() {}

    /**
     * Adds the settings to a root with packages.
     *
     * @param login key that root can log in with
     * @param host key that the machine proves to be itself with
     */
    static void write(DebianRoot root, String release, OpensshKey login, OpensshKey host) throws IOException {
        root.file("etc/hostname", 0644, "debian\n");
        root.file("etc/hosts", 0644, HOSTS);
        root.file("etc/fstab", 0644, FSTAB);
        root.file("etc/default/locale", 0644, "LANG=C.UTF-8\n");
        root.file("etc/apt/sources.list.d/debian.sources", 0644, SOURCES.replace("RELEASE", release));
        root.file("etc/systemd/network/80-ethernet.network", 0644, NETWORK);
        root.file("etc/systemd/system/serial-getty@.service.d/autologin.conf", 0644, AUTOLOGIN);
        root.file("etc/ssh/sshd_config.d/host-key.conf", 0644, SSH);
        root.file("etc/ssh/ssh_host_ed25519_key", 0600, host.privateFile());
        root.file("etc/ssh/ssh_host_ed25519_key.pub", 0644, host.publicLine() + "\n");
        root.directory("root/.ssh", 0700);
        root.file("root/.ssh/authorized_keys", 0600, login.publicLine() + "\n");
    }
}
