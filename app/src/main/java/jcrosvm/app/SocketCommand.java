package jcrosvm.app;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.config.UsageException;
import jcrosvm.control.ControlClient;
import jcrosvm.control.Reply;
import jcrosvm.control.Request;

/** A command that asks one thing of a running VM through its control socket. */
abstract class SocketCommand extends Command {
    private static final int DEFAULT_SECONDS = 60;
    private static final int MAX_SECONDS = 2_000_000;

    private static final Option<Integer> TIMEOUT = Option.word(
            "timeout", Integer.class, "SECONDS", "How long to wait for the VM's answer (default 60, 0 for ever).");
    private static final Syntax.Positional VM_SOCKET =
            new Syntax.Positional("VM_SOCKET", null, true, "Control socket of the VM: the path given to run --socket.");

    static Syntax syntax(String name, String summary, Option<?>... options) {
        List<Option<?>> all = new ArrayList<>(List.of(options));
        all.add(TIMEOUT);
        return new Syntax("jcrosvm " + name, summary, List.of(new Option.Group("Options", all)), List.of(VM_SOCKET));
    }

    abstract Request.Command request(Arguments arguments);

    @Override
    final int run(Arguments arguments, boolean isExtended) {
        Integer given = arguments.value(TIMEOUT);
        int seconds = given == null ? DEFAULT_SECONDS : given;
        if (seconds > MAX_SECONDS) {
            throw new UsageException("option --timeout: " + seconds + " seconds are more than " + MAX_SECONDS);
        }
        Path socket = Path.of(String.valueOf(arguments.positional(0)));
        try (ControlClient client = ControlClient.connect(socket)) {
            Reply reply = client.send(request(arguments), seconds == 0 ? -1 : seconds * 1000);
            if (reply instanceof Reply.Ok) {
                return ExitCode.SUCCESS;
            }
            System.out.println("unexpected response: " + reply);
            return ExitCode.FAILURE;
        }
    }
}
