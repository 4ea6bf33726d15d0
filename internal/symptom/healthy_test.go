package symptom

import "testing"

// TestNoSymptom: lines that speak of errors, or look as if, and have none.
func TestNoSymptom(t *testing.T) {
	for _, line := range []string{
		"",
		"In TIME_WAIT a socket waits for two segment lifetimes.",
		"GET /docs/connection-timed-out?q=connection+refused HTTP/1.1 200",
		"https://help.example/Connection-refused.html",
		"0 too many open files errors",
		"too many open files errors: 0",
		`{"connection refused": 0, "ok": 18}`,
		"no \"connection refused\" in the last hour",
		"without connection refused since the restart",
		"fixed: Too many open files in the importer",
		"this release fixes 'Cannot assign requested address' under load",
		"If you see Connection reset by peer, check the proxy.",
		"errors such as Connection refused are retried",
		"\"Connection timed out\" usually points to a firewall",
		"grep -c 'Too many open files' app.log",
		"reconnection refused-count=3",
		"pid 10055 started",
		"listening on 10.0.0.1:10048",
		"order 10061 shipped in 10054 ms",
		"wrote 10055 bytes",
		"2019-11-22 09:05:00 INFO ready",
		"Copyright 2019 Example",
		"srv-7 took 2019 ms",
		"items: 4227",
		"downloaded 4231 of 4266 files",
		"open /etc/shadow: permission denied",
		"ls: cannot open directory '/root': Permission denied",
		"alice@web: Permission denied (publickey).",
		"chown: changing ownership of 'x': Operation not permitted",
		"java.lang.OutOfMemoryError: Java heap space",
		"OSError: [Errno 61] No data available: 'user.mime_type'",
		"OSError: [Errno 2] No such file or directory",
		"exit status 111",
		"{\"code\": 104, \"kind\": \"x\"}",
		"errno=0",
		"SocketException (0x80004005)",
		"status code: 99",
		"net.core.somaxconn = 4096",
		"the peer closed the connection",
		"pool size 10, idle 10",
		"kind: TimedOutput",
		"Tcpip driver started",
		"\xff\xfe\x00\x80",
		"connection established to db.example:3306",
		"0 VFS file-max",
		"max_connections = 151",
	} {
		if got := scan(line); len(got) != 0 {
			t.Errorf("%s\n\tis %s %s %s", line, got[0].ID, got[0].Code, got[0].Call)
		}
	}
}

// TestTranslations: the same error in the languages of glibc and Windows.
func TestTranslations(t *testing.T) {
	for want, lines := range map[string][]string{
		"EADDRNOTAVAIL": {"connect: Die angeforderte Adresse kann nicht zugewiesen werden", "connect: Ne peut attribuer l'adresse demandée", "connect：无法指定被请求的地址", "connect: 要求アドレスに割り当てられません", "connect: Невозможно назначить запрошенный адрес", "connect: Não foi possível acessar o endereço requisitado"},
		"EADDRINUSE":    {"bind: Die Adresse wird bereits verwendet", "bind: La dirección ya se está usando", "bind: 地址已在使用", "bind: 주소가 이미 사용 중입니다", "bind: Indirizzo già in uso"},
		"EMFILE":        {"socket: Zu viele offene Dateien", "accept: Trop de fichiers ouverts", "打开的文件过多", "ファイルを開きすぎです", "accept4: Слишком много открытых файлов"},
		"ENFILE":        {"Too many open files in system", "Zu viele offene Dateien im System"},
		"ENOMEM":        {"socket: Nicht genügend Hauptspeicher verfügbar"},
		"WSAEADDRINUSE": {"Normalerweise darf jede Socketadresse (Protokoll, Netzwerkadresse oder Anschluss) nur jeweils einmal verwendet werden", "Une seule utilisation de chaque adresse de socket (protocole/adresse réseau/port) est habituellement autorisée", "Solo se permite un uso de cada dirección de socket (protocolo/dirección de red/puerto)", "Normalmente é permitida apenas uma utilização de cada endereço de soquete", "Di norma è consentito un solo utilizzo di ogni indirizzo di socket", "通常、各ソケット アドレスに対してプロトコル、ネットワーク アドレス、またはポートのどれか 1 つのみを使用できます。", "각 소켓 주소(프로토콜/네트워크 주소/포트)는 하나만 사용할 수 있습니다", "通常每个套接字地址(协议/网络地址/端口)只允许使用一次。"},
		"WSAENOBUFS":    {"由于系统缓冲区空间不足或队列已满，不能执行套接字上的操作。", "Une opération sur un socket n’a pas pu être effectuée car le système ne disposait pas de suffisamment d’espace dans la mémoire tampon ou parce que la file d’attente était saturée", "Uma operação em um soquete não pôde ser executada porque o sistema não tinha espaço suficiente no buffer"},
		"WSAEACCES":     {"Der Zugriff auf einen Socket war aufgrund der Zugriffsrechte des Sockets unzulässig.", "Сделана попытка доступа к сокету методом, запрещенным правами доступа."},
	} {
		for _, line := range lines {
			got := scan(line)
			if len(got) != 1 || got[0].Code != want {
				t.Errorf("%s\n\tis %+v, want %s", line, got, want)
			}
		}
	}
}
