package shop;

import java.io.IOException;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Opens a connection for every query. */
public final class Dao {
    private final String host;
    private final int port;
    private final boolean leaks;
    private final List<Socket> kept = new CopyOnWriteArrayList<>();

    public Dao(String host, int port, boolean leaks) {
        this.host = host;
        this.port = port;
        this.leaks = leaks;
    }

    /** The method that Sockeye has to name. */
    public void query() {
        try {
            Socket socket = new Socket(host, port); // opens
            socket.getOutputStream().write("GET\n".getBytes());
            socket.getInputStream().read(new byte[16]);
            if (leaks) {
                kept.add(socket);
            } else {
                socket.close();
            }
        } catch (IOException e) {
            // No answer, no price: the next query comes all the same.
        }
    }
}
